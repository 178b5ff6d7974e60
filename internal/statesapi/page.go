package statesapi

import (
	"encoding/base64"
	"encoding/json"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// place is what a token says: where the next page begins. The operation is in
// it so that no other takes it.
type place struct {
	Op     string `json:"o"`
	Name   string `json:"n,omitempty"`
	Number int64  `json:"i,omitempty"`
}

// defaultPage and maxPage are how many items an answer has.
const (
	defaultPage = 100
	maxPage     = 1000
)

func pageSize(n *int32) int {
	if deref(n) == 0 {
		return defaultPage
	}
	return min(int(*n), maxPage)
}

func (c *call) token(more bool, p place) *string {
	if !more {
		return nil
	}
	p.Op = c.op
	text, err := json.Marshal(p)
	if err != nil {
		return nil // strings and numbers always marshal
	}
	return new(base64.RawURLEncoding.EncodeToString(text))
}

func (c *call) place(token *string) (p place, err error) {
	if token == nil {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.Op != c.op {
		return p, ebb.Errorf(ebb.Invalid, workflow.TypeInvalidToken, "Invalid Token: 'Invalid token'")
	}
	return p, nil
}
