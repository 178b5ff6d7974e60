package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// TestMain makes this test binary be ebb itself where a script calls it.
func TestMain(m *testing.M) {
	testscript.Main(leakFree{m}, map[string]func(){
		"ebb": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// leakFree runs the tests and then counts goroutines.
type leakFree struct{ m *testing.M }

func (l leakFree) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		_, _ = os.Stderr.WriteString("leak: " + err.Error() + "\n")
		return 1
	}
	return code
}
