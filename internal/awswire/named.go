package awswire

import (
	"encoding/json"
	"reflect"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// DecodeNamed fills in, a pointer to the generated struct of the shape, from an
// object whose members have the model's names wherever they travel on the wire,
// and validates it. That is how workflows call an operation.
func (m *Model) DecodeNamed(shape string, doc []byte, in any) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(doc, &members); err != nil {
		return badBody(err)
	}
	c := m.shapes[shape]
	v := reflect.ValueOf(in).Elem()
	for name, value := range members {
		i := -1
		if c != nil {
			for j := range c.fields {
				if lowerFirst(c.fields[j].Name) == lowerFirst(name) {
					i = j
				}
			}
		}
		if i < 0 {
			return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "%s: this member is not known here; leave it out", clip(name))
		}
		if err := json.Unmarshal(value, v.Field(i).Addr().Interface()); err != nil {
			return badBody(err)
		}
	}
	return m.Validate(shape, in)
}
