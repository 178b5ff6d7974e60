package internal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuidesAreAlike: the guide in Chinese has the sections of the English one,
// and both begin with a list of all their sections.
func TestGuidesAreAlike(t *testing.T) {
	heading := regexp.MustCompile(`(?m)^## (.+)$`)
	var sections [2]int
	for i, name := range []string{"../docs/guide.md", "../docs/guide.zh-CN.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found := heading.FindAllStringSubmatch(string(text), -1)
		sections[i] = len(found)
		contents, _, _ := strings.Cut(string(text), "\n## ")
		for _, h := range found {
			if !strings.Contains(contents, "* ["+h[1]+"](#") {
				t.Errorf("%s: the list of contents lacks %q", name, h[1])
			}
		}
	}
	if sections[0] != sections[1] || sections[0] < 10 {
		t.Errorf("the guides have %d and %d sections", sections[0], sections[1])
	}
}

// TestReadmesNameEveryPage: what is documented can be found.
func TestReadmesNameEveryPage(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) < 20 {
		t.Fatalf("found %d pages, %v", len(pages), err)
	}
	for _, readme := range []string{"../README.md", "../README.zh-CN.md"} {
		text, err := os.ReadFile(readme)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			if !strings.Contains(string(text), "(docs/"+filepath.Base(page)+")") {
				t.Errorf("%s does not name docs/%s", readme, filepath.Base(page))
			}
		}
	}
}
