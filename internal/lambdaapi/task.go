package lambdaapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/ebb-faas/ebb/internal/auth"
)

// Call does an operation for a task of a workflow: parameters and answer are
// JSON with the model's names. ok is false for an operation that there is not.
func (a *API) Call(ctx context.Context, p auth.Principal, operation string, parameters []byte) (answer []byte, ok bool, err error) {
	op := a.model.Operation(operation)
	h := handlers()[operation]
	if op == nil || h == nil {
		return nil, false, nil
	}
	if err := a.auth.Admit(p, "lambda:"+operation); err != nil {
		return nil, true, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", http.NoBody)
	if err != nil {
		return nil, true, err
	}
	out, err := h(a, &call{Context: ctx, op: op, r: r, principal: p, named: parameters})
	if err != nil || out == nil {
		return nil, true, err
	}
	answer, err = json.Marshal(out)
	return answer, true, err
}
