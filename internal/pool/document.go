package pool

import (
	"encoding/json"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// errorDocument is the answer's body when ebb, not the function, says what went
// wrong. During initialisation there is no request to name.
func errorDocument(request ebb.InvocationID, typ, message string) []byte {
	if request != "" {
		message = "RequestId: " + string(request) + " Error: " + message
	}
	doc, _ := json.Marshal(struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{typ, message}) // two strings: cannot fail
	return doc
}
