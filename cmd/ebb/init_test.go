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
		"java": {"java", "java"}, "java17": {"java", "java17"}, "nodejs": {"nodejs", "nodejs"}, "nodejs22.x": {"nodejs", "nodejs22.x"},
		"go": {"go", "provided"}, "provided": {"go", "provided"}, "provided.al2023": {"go", "provided.al2023"},
	} {
		folder, id, err := templateOf(runtime)
		if err != nil || [2]string{folder, id} != want {
			t.Errorf("%s: %s %s %v", runtime, folder, id, err)
		}
	}
	for _, runtime := range []string{"", "cobol", "golang", "go1.x", "ruby3.4"} {
		if folder, _, err := templateOf(runtime); err == nil {
			t.Errorf("%s: %s", runtime, folder)
		}
	}
}

// The Java template and example name the handler interfaces that the runtime has.
func TestJavaTemplateIsCurrent(t *testing.T) {
	version := regexp.MustCompile(`<artifactId>aws-lambda-java-core</artifactId>\s*<version>([^<]+)<`)
	var versions []string
	for _, path := range []string{"../../runtimes/java/pom.xml", "templates/java/pom.xml", "../../examples/hello-java/pom.xml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := version.FindSubmatch(text)
		if m == nil {
			t.Fatalf("%s names no aws-lambda-java-core", path)
		}
		versions = append(versions, string(m[1]))
	}
	if versions[0] != versions[1] || versions[0] != versions[2] {
		t.Errorf("runtime, template and example have versions %v", versions)
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
