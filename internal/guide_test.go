package internal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPagesInTwoLanguagesAreAlike: a page in Chinese has the sections, the rows of
// tables and the blocks of code of the English one, but for words and comments, and
// each leads to the other.
func TestPagesInTwoLanguagesAreAlike(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.zh-CN.md")
	if err != nil || len(pages) < 2 {
		t.Fatalf("found %d pages, %v", len(pages), err)
	}
	readmes, err := filepath.Glob("../examples/*/README.zh-CN.md")
	if err != nil || len(readmes) == 0 {
		t.Fatalf("found %d pages of examples, %v", len(readmes), err)
	}
	for _, page := range slices.Concat(pages, readmes, []string{"../README.zh-CN.md"}) {
		original := strings.TrimSuffix(page, ".zh-CN.md") + ".md"
		english, chinese := read(t, original), read(t, page)
		if !strings.Contains(english, "[中文]("+filepath.Base(page)+")") || !strings.Contains(chinese, "[English]("+filepath.Base(original)+")") {
			t.Errorf("%s and %s do not lead to each other", original, page)
		}
		want, got := outline(english), outline(chinese)
		for i := range max(len(want), len(got)) {
			w, g := part{text: "its end"}, part{text: "its end"}
			if i < len(want) {
				w = want[i]
			}
			if i < len(got) {
				g = got[i]
			}
			if w.shape != g.shape {
				t.Errorf("%s has\n%s\nwhere %s has\n%s\nWhat is added to one belongs into the other.", page, g.text, original, w.text)
				break
			}
		}
	}
}

// TestPagesForUsersAreInTwoLanguages: what users touch is told in Chinese too.
func TestPagesForUsersAreInTwoLanguages(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) < 20 {
		t.Fatalf("found %d pages, %v", len(pages), err)
	}
	english := map[string]bool{"architecture": true, "benchmarks": true, "compatibility": true}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if english[name] || strings.HasSuffix(name, ".zh-CN") {
			continue
		}
		if _, err := os.Stat("../docs/" + name + ".zh-CN.md"); err != nil {
			t.Errorf("%s has no Chinese page", page)
		}
	}
}

// part of a page: what its counterpart in the other language has too, and all of it.
type part struct{ shape, text string }

// outline is a page's headings, of which the level counts, rows of tables, and fenced
// code, of which all but comments counts, in order.
func outline(text string) (parts []part) {
	comment := regexp.MustCompile(`(?m)\s+# .*$`)
	for _, m := range regexp.MustCompile("(?ms)^(#+) [^\n]+$|^```(.+?)^```$|^(\\|)[^\n]+\\|$").FindAllStringSubmatch(text, -1) {
		parts = append(parts, part{m[1] + comment.ReplaceAllString(m[2], "") + m[3], m[0]})
	}
	return parts
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestGuidesListTheirSections: a guide begins with a list of all its sections.
func TestGuidesListTheirSections(t *testing.T) {
	heading := regexp.MustCompile(`(?m)^## (.+)$`)
	for _, name := range []string{"../docs/guide.md", "../docs/guide.zh-CN.md"} {
		contents, _, _ := strings.Cut(read(t, name), "\n## ")
		found := heading.FindAllStringSubmatch(read(t, name), -1)
		if len(found) < 10 {
			t.Errorf("%s has %d sections", name, len(found))
		}
		for _, h := range found {
			if !strings.Contains(contents, "* ["+h[1]+"](#") {
				t.Errorf("%s: the list of contents lacks %q", name, h[1])
			}
		}
	}
}

// TestReadmesNameEveryPage: what is documented can be found.
func TestReadmesNameEveryPage(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) < 20 {
		t.Fatalf("found %d pages, %v", len(pages), err)
	}
	for _, readme := range []string{"../README.md", "../README.zh-CN.md"} {
		text := read(t, readme)
		for _, page := range pages {
			if !strings.Contains(text, "(docs/"+filepath.Base(page)+")") {
				t.Errorf("%s does not name docs/%s", readme, filepath.Base(page))
			}
		}
	}
}
