package main

import (
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/asl/rehearse"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

// workflowTest runs tests with mocks. It plays the States Language itself, not a
// platform's TestState: so it needs no platform, tests whole machines, and waits
// pass at once.
func (a *app) workflowTest() *cobra.Command {
	var junit, match string
	cmd := &cobra.Command{
		Use:   "test [FOLDER|FILE]...",
		Short: "Run a workflow's tests with mocks, without a platform",
		Long: "Test runs the cases of files that end in .test.yaml (or .yml, .json). A case plays the whole\n" +
			"workflow, or one state, with mocks instead of what tasks call; waits and retries pass at once.\n" +
			"docs/workflows.md describes the file.\n\n" +
			"Exit codes: 0 all passed, 1 some failed, 2 a file is wrong.",
		Example: "  ebb workflow test\n  ebb workflow test hello --run retry --junit report.xml",
		RunE: func(_ *cobra.Command, given []string) error {
			if len(given) == 0 {
				given = []string{"."}
			}
			return a.testWorkflows(given, match, junit)
		},
	}
	cmd.Flags().StringVar(&match, "run", "", "only the cases whose names contain `TEXT`")
	cmd.Flags().StringVar(&junit, "junit", "", "write a report for build servers to this `FILE` too")
	_ = cmd.MarkFlagFilename("junit", "xml")
	return cmd
}

// tested is the result of one case.
type tested struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Workflow string   `json:"workflow"`
	Case     string   `json:"case"`
	Passed   bool     `json:"passed"`
	Problems []string `json:"problems"`
	Path     []string `json:"path"` // states that were entered
	Took     string   `json:"took"` // by the workflow's own clock
}

func (a *app) testWorkflows(paths []string, match, junit string) error {
	results, failed := []tested{}, 0
	var rows [][]string
	for _, path := range paths {
		files, err := testFilesIn(path)
		if err != nil {
			return err
		}
		for _, file := range files {
			found, err := runTests(file, match)
			if err != nil {
				return err
			}
			results = append(results, found...)
		}
	}
	for _, r := range results {
		if r.Passed {
			rows = append(rows, []string{"ok    " + r.Workflow + ": " + r.Case})
			continue
		}
		failed++
		rows = append(rows, []string{fmt.Sprintf("FAIL  %s: %s (%s:%d)", r.Workflow, r.Case, r.File, r.Line)})
		for _, p := range r.Problems {
			rows = append(rows, []string{"      " + strings.ReplaceAll(p, "\n", "\n      ")})
		}
	}
	if err := a.print(results, nil, rows); err != nil {
		return err
	}
	if junit != "" {
		if err := writeJUnit(junit, results); err != nil {
			return err
		}
	}
	switch {
	case len(results) == 0:
		return usagef("--run: no case's name contains %q", match)
	case failed > 0:
		return &testsFailed{failed, len(results)}
	}
	a.note("%s passed", count(len(results), "case", "cases"))
	return nil
}

// testsFailed says that tests did not pass.
type testsFailed struct{ failed, of int }

func (e *testsFailed) Error() string {
	return fmt.Sprintf("%d of %s failed", e.failed, count(e.of, "case", "cases"))
}

// runTests runs the cases of a file.
func runTests(file, match string) (all []tested, err error) {
	f, s, err := readTests(file)
	if err != nil {
		return nil, err
	}
	machine, problems := s.check()
	if machine == nil {
		return nil, notValid(problems)
	}
	for i := range f.Cases {
		c := &f.Cases[i]
		if !strings.Contains(c.Name, match) {
			continue
		}
		r := tested{File: file, Line: f.text.Position(fmt.Sprintf("/cases[%d]", i)).Line, Workflow: s.Name, Case: c.Name, Path: []string{}, Problems: []string{}}
		c.run(machine, s.Name, f.mocksOf(c), &r)
		r.Passed = len(r.Problems) == 0
		all = append(all, r)
	}
	return all, nil
}

// mocksOf are the mocks of a case, those of the file below them.
func (f *testFile) mocksOf(c *testCase) map[string]rehearse.Mocks {
	all := map[string]rehearse.Mocks{}
	for _, from := range []map[string]mocks{f.Mocks, c.Mocks} {
		for state, m := range from {
			all[state] = rehearse.Mocks(m)
		}
	}
	return all
}

// run plays the case and compares.
func (c *testCase) run(machine *asl.Machine, name string, mocks map[string]rehearse.Mocks, r *tested) {
	input := asl.Value{V: jsonata.NewObject(0)}
	if c.Input != nil {
		input = *c.Input
	}
	for state := range maps.Keys(mocks) {
		if machine.StateType(state) == "" {
			r.problem("mocks: there is no state %q", state)
		}
	}
	if c.State != "" {
		c.runState(machine, name, input, mocks, r)
		return
	}
	got, err := (&rehearse.Play{Machine: machine, Name: name, Input: input, Mocks: mocks}).Run()
	r.Path, r.Took = append(r.Path, got.Path...), got.Took.String()
	if err != nil {
		r.problem("%v", err)
		return
	}
	e := &c.Expect
	e.end(string(got.Status), string(asl.Succeeded), string(asl.Failed), got.Output, got.Error, got.Cause, r)
	if e.Path != nil && !slices.Equal(e.Path, got.Path) {
		r.problem("path: want %s\n      got  %s", strings.Join(e.Path, " → "), strings.Join(got.Path, " → "))
	}
	if e.Took != nil && time.Duration(*e.Took) != got.Took {
		r.problem("took: want %s, got %s", time.Duration(*e.Took), got.Took)
	}
	if e.Next != nil {
		r.problem("next: is of a state; say which with state")
	}
	e.calls(got.Calls, r)
}

func (c *testCase) runState(machine *asl.Machine, name string, input asl.Value, mocks map[string]rehearse.Mocks, r *tested) {
	t := &rehearse.Trial{Machine: machine, Name: name, State: c.State, Input: input, Variables: c.Variables, Context: c.Context, Retries: c.Retries}
	if all := mocks[c.State]; len(all) > 0 {
		t.Mock = all[0]
	}
	got, call, err := t.Run()
	if err != nil {
		r.problem("%v", err)
		return
	}
	r.Path, r.Took = []string{c.State}, "0s"
	e := &c.Expect
	e.end(got.Status, asl.TriedSucceeded, asl.TriedFailed, got.Output, got.Error, got.Cause, r)
	if e.Next != nil && *e.Next != got.Next {
		r.problem("next: want %q, got %q", *e.Next, got.Next)
	}
	if e.Path != nil || e.Took != nil {
		r.problem("path and took: are of a whole workflow, not of a state")
	}
	var calls []rehearse.Call
	if call != nil {
		calls = []rehearse.Call{*call}
	}
	e.calls(calls, r)
}

func (r *tested) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// end compares how it ended.
func (e *expectation) end(status, good, bad string, output *asl.Value, name, cause *string, r *tested) {
	want := e.Status
	if want == "" {
		if want = good; e.Error != nil || e.Cause != nil {
			want = bad
		}
	}
	if status != want {
		text := ""
		if name != nil {
			text = ": " + *name
		}
		if cause != nil {
			text += ": " + *cause
		}
		r.problem("status: want %s, got %s%s", want, status, text)
		return
	}
	switch {
	case e.Output != nil && output == nil:
		r.problem("output: there is none")
	case e.Output != nil && !jsonata.Equal(e.Output.V, output.V):
		r.problem("output: want %s\n        got  %s", e.Output, output)
	}
	if e.Contains != nil && (output == nil || !rehearse.Contains(output.V, e.Contains.V)) {
		r.problem("contains: want %s\n          in   %s", e.Contains, textOf(output))
	}
	for _, one := range []struct {
		what      string
		want, got *string
	}{{"error", e.Error, name}, {"cause", e.Cause, cause}} {
		if one.want != nil && (one.got == nil || *one.got != *one.want) {
			got := "none"
			if one.got != nil {
				got = fmt.Sprintf("%q", *one.got)
			}
			r.problem("%s: want %q, got %s", one.what, *one.want, got)
		}
	}
}

func textOf(v *asl.Value) string {
	if v == nil {
		return "no output"
	}
	return v.String()
}

// calls compares what was called.
func (e *expectation) calls(got []rehearse.Call, r *tested) {
	for _, state := range slices.Sorted(maps.Keys(e.Calls)) {
		want := e.Calls[state]
		var made []asl.Value
		for _, c := range got {
			if c.State == state {
				made = append(made, c.Parameters)
			}
		}
		if len(made) != want.number {
			r.problem("calls: want %d of %s, got %d", want.number, state, len(made))
			continue
		}
		for i := range want.parameters {
			if !rehearse.Contains(made[i].V, want.parameters[i].V) {
				r.problem("calls: %s, call %d: want %s\n       got  %s", state, i+1, want.parameters[i], made[i])
			}
		}
	}
}

// junitSuite is a report as build servers read it.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(file string, results []tested) error {
	suite := junitSuite{Name: "ebb workflow test", Tests: len(results)}
	for _, r := range results {
		c := junitCase{Class: r.Workflow, Name: r.Case, File: r.File}
		if !r.Passed {
			suite.Failures++
			c.Failure = &junitFailure{Message: strings.SplitN(r.Problems[0], "\n", 2)[0], Text: strings.Join(r.Problems, "\n")}
		}
		suite.Cases = append(suite.Cases, c)
	}
	text, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append([]byte(xml.Header), append(text, '\n')...), 0o644)
}
