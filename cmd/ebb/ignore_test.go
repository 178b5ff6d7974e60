package main

import (
	"strings"
	"testing"
)

func TestIgnoreRules(t *testing.T) {
	for _, c := range []struct {
		rules string
		out   string // paths that are ignored; those that end in / are folders
		in    string // paths that are not
	}{
		{"*.log", "a.log d/a.log .log", "a.log.txt log a.log/x"},
		{"/top", "top top/", "d/top"},
		{"d/x", "d/x", "e/d/x x"},
		{"build/", "build/ d/build/", "build d/build"},
		{"a/**/z", "a/z a/b/z a/b/c/z", "z b/a/z"},
		{"**/z", "z a/z a/b/z", "az"},
		{"a/**", "a/b a/b/c", "a/ b/a"},
		{"?at", "cat d/bat", "at chat"},
		{"[bc]at", "bat cat", "rat"},
		{"[!bc]at", "rat", "bat cat"},
		{"[", "[", "a"},
		{"*.txt\n!keep.txt", "a.txt", "keep.txt d/keep.txt"},
		{"!keep.txt\n*.txt", "keep.txt", ""},
		{"# comment\n\n  \n\\#file\n\\!file", "#file !file", "file comment"},
		{"name with blanks  \r\n", "name with blanks", "name"},
		{"a.b+c(d)", "a.b+c(d)", "axb+c(d)"},
		{"*", "a d/ d/a", ""},
		{"*\n!*.py", "a.txt", "a.py d/a.py"},
		{"d/*.c", "d/a.c", "d/e/a.c a.c"},
	} {
		rules, err := parseIgnores("test", c.rules)
		if err != nil {
			t.Errorf("%q: %v", c.rules, err)
			continue
		}
		check := func(paths string, want bool) {
			// Names with blanks stand alone.
			list := strings.Fields(paths)
			if strings.Contains(paths, "blanks") {
				list = []string{paths}
			}
			for _, p := range list {
				if got := rules.ignored(strings.TrimSuffix(p, "/"), strings.HasSuffix(p, "/")); got != want {
					t.Errorf("%q: ignored(%q) = %t", c.rules, p, got)
				}
			}
		}
		check(c.out, true)
		check(c.in, false)
	}
}

func TestDefaultIgnores(t *testing.T) {
	dir := tree(t, map[string]string{
		".git/config": "x", "d/.git/config": "x", "__pycache__/a.pyc": "x", "a.pyc": "x", ".venv/bin/python": "x", "a~": "x",
		"ebb.yaml": "x", ".ebbignore": "!a.pyc\nsecret\n", "secret": "x", "node_modules/m/index.js": "x",
		"d/ebb.yaml": "x", "handler.py": "x",
	})
	files, err := codeFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.name)
	}
	if got, want := strings.Join(names, " "), "a.pyc d/ebb.yaml handler.py node_modules/m/index.js"; got != want {
		t.Errorf("got %s", got)
	}
}

// Any line is a pattern or an error, and the pattern can be matched.
func FuzzIgnore(f *testing.F) {
	for _, s := range []string{"a/**/b", "[!a-z]", "\\", "[\\]", "***", "!/", "[^]", "[]a]"} {
		f.Add(s, "a/b")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		rules, err := parseIgnores("fuzz", text)
		if err == nil {
			rules.ignored(path, false)
		}
	})
}
