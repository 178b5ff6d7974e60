package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// verbs are all that there are, those that nobody calls by hand apart.
func verbs(cmd *cobra.Command) (all []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			all = append(append(all, sub), verbs(sub)...)
		}
	}
	return all
}

// TestHelp: every verb says in one line what it does and shows it, and every flag
// what it means and what it takes.
func TestHelp(t *testing.T) {
	root := new(app).root()
	for _, cmd := range append(verbs(root), root) {
		if first, _ := utf8.DecodeRuneInString(cmd.Short); !unicode.IsUpper(first) || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: %q is no line of a list", cmd.CommandPath(), cmd.Short)
		}
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: the example %q is not indented", cmd.CommandPath(), line)
			}
		}
		checkCalls(t, root, cmd.CommandPath(), cmd.Example)
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			name, usage := pflag.UnquoteUsage(f)
			where := cmd.CommandPath() + " --" + f.Name
			if usage == "" || strings.HasSuffix(usage, ".") {
				t.Errorf("%s: %q is no line of a list", where, usage)
			}
			if takes := f.Value.Type() != "bool"; takes && name != strings.ToUpper(name) {
				t.Errorf("%s: what it takes has no name in capital letters but %q", where, name)
			}
		})
	}
}

// TestPagesCallWhatThereIs: the pages' calls of ebb have the verbs and the flags
// that they name.
func TestPagesCallWhatThereIs(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/*/*.md", "../../examples/*/*.md", "../../examples/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	if len(pages) < 20 {
		t.Fatalf("only %d pages", len(pages))
	}
	root := new(app).root()
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?ms)^ *```[a-z]*\n(.+?)^ *```").FindAllStringSubmatch(string(text), -1) {
			checkCalls(t, root, page, block[1])
		}
	}
}

var (
	quoted  = regexp.MustCompile(`'[^']*'|"(\\.|[^"\\])*"`)
	callOf  = regexp.MustCompile(`(?m)(?:^|[|(;&] *|^\$ )\s*(?:[A-Z_]+=\S+ +)*ebb +([^|;&)#\n>]*)`)
	flagOf  = regexp.MustCompile(`^--?([a-zA-Z][a-zA-Z0-9-]*)`)
	goingOn = regexp.MustCompile(`\\\n\s*`)
)

// checkCalls checks every call of ebb in a shell's text.
func checkCalls(t *testing.T, root *cobra.Command, where, text string) {
	t.Helper()
	text = quoted.ReplaceAllString(goingOn.ReplaceAllString(text, " "), "QUOTED")
	for _, call := range callOf.FindAllStringSubmatch(text, -1) {
		words := strings.Fields(call[1])
		cmd, rest, err := root.Find(words)
		if err != nil || cmd == root && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			t.Errorf("%s: no such verb: ebb %s", where, call[1])
			continue
		}
		for _, word := range rest {
			m := flagOf.FindStringSubmatch(word)
			switch {
			case m == nil || word == "--help" || word == "-h":
			case strings.HasPrefix(word, "--"):
				if cmd.Flag(m[1]) == nil {
					t.Errorf("%s: %s has no flag %s: ebb %s", where, cmd.CommandPath(), word, call[1])
				}
			case cmd.Flags().ShorthandLookup(m[1][:1]) == nil && cmd.InheritedFlags().ShorthandLookup(m[1][:1]) == nil:
				t.Errorf("%s: %s has no flag %s: ebb %s", where, cmd.CommandPath(), word, call[1])
			}
		}
	}
}
