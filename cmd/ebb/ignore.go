package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// ignoreFile in a code folder names what stays out of the package, in the
// language of .gitignore.
const ignoreFile = ".ebbignore"

// defaultIgnores come first, so that a line "!name" in an ignore file brings one
// back.
const defaultIgnores = `
.git/
.hg/
.svn/
.idea/
.vscode/
.venv/
.pytest_cache/
.mypy_cache/
.ruff_cache/
__pycache__/
*.pyc
.DS_Store
Thumbs.db
*.swp
*~
/ebb.yaml
/.ebbignore
/.gitignore
`

// ignoreRule is one line of an ignore file.
type ignoreRule struct {
	match   *regexp.Regexp // against the path within the folder, with slashes
	keep    bool           // the line began with !
	dirOnly bool           // the line ended with /
}

// ignoreRules decide together: the last one that matches wins.
type ignoreRules []ignoreRule

// readIgnores returns the defaults and what dir's ignore file adds to them.
func readIgnores(dir string) (ignoreRules, error) {
	rules, err := parseIgnores("defaults", defaultIgnores)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, ignoreFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return rules, nil
	}
	if err != nil {
		return nil, err
	}
	more, err := parseIgnores(path, string(text))
	return append(rules, more...), err
}

// parseIgnores reads the lines of an ignore file.
func parseIgnores(file, text string) (ignoreRules, error) {
	var rules ignoreRules
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		var r ignoreRule
		line, r.keep = strings.CutPrefix(line, "!")
		line, r.dirOnly = strings.CutSuffix(line, "/")
		re, err := regexp.Compile(ignorePattern(line))
		if err != nil || line == "" {
			return nil, usagef("%s:%d: not a pattern: %q", file, number, line)
		}
		r.match = re
		rules = append(rules, r)
	}
	return rules, nil
}

// ignorePattern turns a glob of .gitignore into a regular expression. A slash
// inside ties it to the folder; without one it matches in any folder below.
func ignorePattern(glob string) string {
	anchored := strings.Contains(glob, "/")
	glob = strings.TrimPrefix(glob, "/")
	var re strings.Builder
	re.WriteString("^")
	if !anchored {
		re.WriteString("(?:.*/)?")
	}
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case strings.HasPrefix(glob[i:], "**/"):
			re.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(glob[i:], "**"):
			re.WriteString(".*")
			i++
		case c == '*':
			re.WriteString("[^/]*")
		case c == '?':
			re.WriteString("[^/]")
		case c == '[' && strings.IndexByte(glob[i+1:], ']') > 0:
			class := glob[i+1 : i+1+strings.IndexByte(glob[i+1:], ']')]
			i += len(class) + 1
			if class[0] == '!' {
				class = "^" + class[1:]
			}
			fmt.Fprintf(&re, "[%s]", strings.ReplaceAll(class, `\`, `\\`))
		case c == '\\' && i+1 < len(glob):
			i++
			re.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		default:
			re.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		}
	}
	re.WriteString("$")
	return re.String()
}

// ignored reports whether the file or folder at path, relative to the code
// folder and with slashes, stays out. What lies in an ignored folder is ignored
// with it; the caller does not descend.
func (rules ignoreRules) ignored(path string, dir bool) bool {
	out := false
	for _, r := range rules {
		if (dir || !r.dirOnly) && r.match.MatchString(path) {
			out = !r.keep
		}
	}
	return out
}
