package deliver

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// envelope is what a task's message holds beside the payload. Fields may be
// added; a missing one reads as its zero value.
type envelope struct {
	Request   ebb.InvocationID `json:"request"`
	Qualifier string           `json:"qualifier,omitempty"`
	Trace     string           `json:"trace,omitempty"`
	Tenant    string           `json:"tenant,omitempty"`
	Egress    ebb.Egress       `json:"egress,omitzero"`
	Keyed     bool             `json:"keyed,omitempty"`   // its id is the caller's
	Checked   bool             `json:"checked,omitempty"` // what follows lies in the artifact store
	Tries     int              `json:"tries,omitempty"`   // how often the function failed
	Faults    int              `json:"faults,omitempty"`  // throttles and faults of the platform in a row
	Attempts  []ebb.Attempt    `json:"attempts,omitempty"`
	Policy    *Policy          `json:"policy,omitempty"` // of the source; nil = the function's own
}

// maxAttempts is how many attempts are remembered, the last ones.
const maxAttempts = 16

func (e *envelope) note(a ebb.Attempt) {
	const longest = 256
	a.Message = clip(a.Message, longest)
	if len(e.Attempts) >= maxAttempts {
		e.Attempts = e.Attempts[len(e.Attempts)-maxAttempts+1:]
	}
	e.Attempts = append(e.Attempts, a)
}

// pack puts a head, as JSON, and bytes that are never looked into in one body.
func pack(head any, content []byte) ([]byte, error) {
	text, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, binary.MaxVarintLen32+len(text)+len(content))
	b = binary.AppendUvarint(b, uint64(len(text)))
	b = append(b, text...)
	return append(b, content...), nil
}

// unpack reads what pack made.
func unpack(body []byte, head any) (content []byte, err error) {
	n, used := binary.Uvarint(body)
	if used <= 0 || n > uint64(len(body)-used) {
		return nil, fmt.Errorf("deliver: a message of %d bytes has no head", len(body))
	}
	rest := body[used:]
	if err := json.Unmarshal(rest[:n], head); err != nil {
		return nil, fmt.Errorf("deliver: head of a message: %w", err)
	}
	return rest[n:], nil
}

// clip cuts s to at most n bytes of whole characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
