package awswire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
)

// Encode writes out, a pointer to the generated struct of op's output (or nil),
// with op's status. Members that travel in headers or as the status go there.
func (m *Model) Encode(w http.ResponseWriter, op *Operation, out any) error {
	code := op.Code
	c := m.shapes[op.Output]
	if c == nil && op.Output == "" || out == nil {
		w.WriteHeader(code)
		return nil
	}
	body := c == nil || len(c.fields) == 0
	if c != nil {
		v := reflect.ValueOf(out).Elem()
		for i := range c.fields {
			f, fv := &c.fields[i], v.Field(i)
			switch {
			case f.Loc == Body:
				body = true
			case isNil(fv):
			case f.Loc == Status:
				code = int(fv.Elem().Int())
			case f.Loc == Header:
				w.Header().Set(f.wire(), fmt.Sprint(fv.Elem().Interface()))
			}
		}
	}
	if !body || code == http.StatusNoContent {
		w.WriteHeader(code)
		return nil
	}
	return WriteJSON(w, code, out)
}

// WriteJSON writes v as the whole answer.
func WriteJSON(w http.ResponseWriter, code int, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	b := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(code)
	_, err := w.Write(b)
	return err
}
