package lambdaapi

import (
	"net/http"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// headerEgress names the targets that an invocation wants opened for itself.
const headerEgress = "X-Ebb-Egress"

// egress reads the header. Whether the function may open that is the door's to say.
func egress(h http.Header) (ebb.Egress, error) {
	text := h.Get(headerEgress)
	if text == "" {
		return ebb.Egress{}, nil
	}
	e, err := ebb.ParseEgress(text)
	if err != nil {
		return e, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "%s: %w", headerEgress, err)
	}
	return e, nil
}
