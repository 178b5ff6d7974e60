package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestHandle(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:             "Hello, world, from Go!",
		`{"name":"Mei"}`: "Hello, Mei, from Go!",
		`{"requestContext":{},"queryStringParameters":{"name":"Li"}}`: "Hello, Li, from Go!",
	} {
		var e event
		if err := json.Unmarshal([]byte(in), &e); err != nil {
			t.Fatal(err)
		}
		got, err := handle(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := got.(response); ok {
			if r.StatusCode != http.StatusOK || !strings.Contains(r.Body, want) {
				t.Errorf("%s: %+v, want %q in its body", in, r, want)
			}
		} else if got.(answer).Message != want {
			t.Errorf("%s: %+v, want %q", in, got, want)
		}
	}
}
