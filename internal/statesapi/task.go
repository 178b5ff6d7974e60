package statesapi

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
)

// Call does an operation for a task of a workflow: parameters and answer are
// JSON with names that begin with a capital, as AWS's SDK integrations have them.
// ok is false for an operation that there is not.
func (a *API) Call(ctx context.Context, p auth.Principal, operation string, parameters []byte) (answer []byte, ok bool, err error) {
	op := a.ops[operation]
	if op == nil || op.serve == nil {
		return nil, false, nil
	}
	if err := a.auth.Admit(p, "states:"+operation); err != nil {
		return nil, true, err
	}
	out, err := op.serve(a, &call{Context: ctx, op: operation, principal: p}, func(in any) error {
		return a.model.DecodeNamed(op.Input, parameters, in)
	})
	if err != nil || out == nil {
		return nil, true, err
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, true, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return nil, true, err
	}
	answer, err = json.Marshal(capitals("", doc))
	return answer, true, err
}

// capitals spells an answer as SDK integrations do: names with a capital, times
// as text.
func capitals(name string, v any) any {
	switch x := v.(type) {
	case map[string]any:
		if name == "AssignedVariables" || name == "VariableReferences" {
			return x // those names are the user's
		}
		out := make(map[string]any, len(x))
		for k, e := range x {
			k = strings.ToUpper(k[:1]) + k[1:]
			out[k] = capitals(k, e)
		}
		return out
	case []any:
		for i, e := range x {
			x[i] = capitals("", e)
		}
	case json.Number:
		if f, err := x.Float64(); err == nil && (strings.HasSuffix(name, "Date") || name == "Timestamp") {
			return time.UnixMilli(int64(f * 1000)).UTC().Format("2006-01-02T15:04:05.000Z")
		}
	}
	return v
}
