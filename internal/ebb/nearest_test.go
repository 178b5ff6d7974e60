package ebb

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"data", "service", "servers"}
	for name, want := range map[string]string{
		"service": "service", "servce": "service", "SERVCE": "service", "serviecs": "service", "dta": "data", "dat": "data",
		"xyz": "", "listen": "", "": "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%q is taken for %q, want %q", name, got, want)
		}
	}
}
