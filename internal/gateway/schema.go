package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const (
	// maxSchema is how large the JSON Schema of a route may be.
	maxSchema = 256 << 10
	// maxFaults is how many faults of a body are named.
	maxFaults = 5
	// schemaURL is what a schema may call itself.
	schemaURL = "ebb:schema"
)

// noLoader keeps schemas from naming files and hosts.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: a schema stands alone; put what it refers to under $defs", url)
}

// compileSchema reads a JSON Schema; nil without one.
func compileSchema(text json.RawMessage) (*jsonschema.Schema, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	if len(text) > maxSchema {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "http.schema: %d bytes are more than %d", len(text), maxSchema)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "http.schema: %v", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.AssertFormat()
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "http.schema: %v", err)
	}
	schema, err := c.Compile(schemaURL)
	if err != nil {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "http.schema: %v", err)
	}
	return schema, nil
}

// validate refuses a body that is not as the route's schema has it, naming the
// places by JSON pointers.
func (h *httpRoute) validate(r *request) error {
	if h.schema == nil || len(r.body) == 0 && bodyless(r.Method) {
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.body))
	if err != nil {
		return ebb.Errorf(ebb.Invalid, ebb.TypeRequestInvalid, "body: it is not JSON")
	}
	err = h.schema.Validate(doc)
	if err == nil {
		return nil
	}
	faults, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return fmt.Errorf("schema of route %s: %w", h.trigger.Name, err)
	}
	var said []string
	gather(faults.BasicOutput(), &said)
	if more := len(said) - maxFaults; more > 0 {
		said = append(said[:maxFaults], fmt.Sprintf("and %d more", more))
	}
	return ebb.Errorf(ebb.Invalid, ebb.TypeRequestInvalid, "body: %s", strings.Join(said, "; "))
}

// bodyless reports whether requests of a method need no body.
func bodyless(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// gather lists "/pointer: what is wrong there".
func gather(u *jsonschema.OutputUnit, said *[]string) {
	if len(u.Errors) == 0 && u.Error != nil {
		at := u.InstanceLocation
		if at == "" {
			at = "/"
		}
		*said = append(*said, at+": "+u.Error.String())
	}
	for i := range u.Errors {
		gather(&u.Errors[i], said)
	}
}
