package awswire

import (
	"strings"
	"testing"
)

func TestCompileRefusesBrokenTables(t *testing.T) {
	for name, shapes := range map[string]map[string]Shape{
		`no shape "Gone"`:                    {"A": {Elem: "Gone"}},
		`no shape "Lost"`:                    {"A": {Fields: []Field{{Name: "X", Shape: "Lost"}}}},
		`no shape "Key"`:                     {"A": {Key: "Key"}},
		"missing closing":                    {"A": {Pattern: "("}},
		"invalid or unsupported Perl syntax": {"A": {Pattern: "a", Not: "(?=a)"}},
	} {
		_, err := Compile(&Service{Shapes: shapes})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "shape A") {
			t.Errorf("got %v, want %q of shape A", err, name)
		}
	}
}
