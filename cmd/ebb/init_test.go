package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestTemplateOf(t *testing.T) {
	for runtime, want := range map[string][2]string{
		"python": {"python", "python3"}, "python3": {"python", "python3"}, "python3.12": {"python", "python3.12"},
		"nodejs": {"nodejs", "nodejs"}, "nodejs22.x": {"nodejs", "nodejs22.x"},
		"go": {"go", "provided"}, "provided": {"go", "provided"}, "provided.al2023": {"go", "provided.al2023"},
	} {
		folder, id, err := templateOf(runtime)
		if err != nil || [2]string{folder, id} != want {
			t.Errorf("%s: %s %s %v", runtime, folder, id, err)
		}
	}
	for _, runtime := range []string{"", "cobol", "golang", "go1.x", "java21"} {
		if folder, _, err := templateOf(runtime); err == nil {
			t.Errorf("%s: %s", runtime, folder)
		}
	}
}

// The Go template names the version of aws-lambda-go that ebb itself is tested
// with; whoever moves one moves both (and the template's go.sum).
func TestGoTemplateIsCurrent(t *testing.T) {
	version := regexp.MustCompile(`github\.com/aws/aws-lambda-go (v\S+)`)
	ours, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	template, err := templates.ReadFile("templates/go/go.mod.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := templates.ReadFile("templates/go/go.sum")
	if err != nil {
		t.Fatal(err)
	}
	want := version.FindSubmatch(ours)
	got := version.FindSubmatch(template)
	if want == nil || got == nil || string(want[1]) != string(got[1]) {
		t.Fatalf("go.mod has %q, the template %q", want, got)
	}
	if !strings.Contains(string(sum), "github.com/aws/aws-lambda-go "+string(got[1])+" h1:") {
		t.Error("the template's go.sum is of another version")
	}
}
