package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/asl/rehearse"
	"github.com/ebb-faas/ebb/internal/manifest"
)

// testFile is a file of tests of one workflow.
type testFile struct {
	Definition string            `json:"definition"` // file, relative to this one
	Workflow   string            `json:"workflow"`   // instead: of the ebb.yaml beside it
	Type       string            `json:"type"`
	Values     map[string]string `json:"values"`
	Mocks      map[string]mocks  `json:"mocks"` // of all cases that have none of their own for a state
	Cases      []testCase        `json:"cases"`

	path string
	text *manifest.Definition
}

// testCase is one test.
type testCase struct {
	Name      string           `json:"name"`
	State     string           `json:"state"` // "" = the whole machine
	Input     *asl.Value       `json:"input"`
	Variables *asl.Value       `json:"variables"` // with state
	Context   *asl.Value       `json:"context"`   // with state
	Retries   int64            `json:"retries"`   // with state: how often it was tried again before
	Mocks     map[string]mocks `json:"mocks"`
	Expect    expectation      `json:"expect"`
}

// expectation is what a test expects. What is left out is not looked at, but a
// test that says nothing of status or error expects success.
type expectation struct {
	Status   string               `json:"status"`
	Output   *asl.Value           `json:"output"`
	Contains *asl.Value           `json:"contains"`
	Error    *string              `json:"error"`
	Cause    *string              `json:"cause"`
	Next     *string              `json:"next"` // of a state
	Path     []string             `json:"path"` // of a machine
	Calls    map[string]callsWant `json:"calls"`
	Took     *span                `json:"took"`
}

// mocks are one mock, or a list.
type mocks rehearse.Mocks

// mock is one mock as it is written.
type mock struct {
	When   *asl.Value `json:"when"`
	Output *asl.Value `json:"output"`
	Error  string     `json:"error"`
	Cause  string     `json:"cause"`
	Delay  span       `json:"delay"`
	Items  *asl.Value `json:"items"`
}

func (m *mocks) UnmarshalJSON(text []byte) error {
	var all []mock
	if text = bytes.TrimSpace(text); !bytes.HasPrefix(text, []byte("[")) {
		text = slices.Concat([]byte("["), text, []byte("]"))
	}
	if err := strict(text, &all); err != nil {
		return err
	}
	for _, one := range all {
		r := &rehearse.Mock{When: one.When, Output: one.Output, Error: one.Error, Cause: one.Cause, Delay: time.Duration(one.Delay)}
		if one.Items != nil {
			items, ok := one.Items.V.([]any)
			if !ok {
				return errors.New("items: must be a list")
			}
			r.Items = append([]any{}, items...)
		}
		if one.Error != "" && one.Output != nil {
			return errors.New("a mock has an output or an error, not both")
		}
		*m = append(*m, r)
	}
	return nil
}

// span is a duration, written as 90s or 1h30m.
type span time.Duration

func (s *span) UnmarshalJSON(text []byte) error {
	var word string
	if err := json.Unmarshal(text, &word); err != nil {
		return fmt.Errorf("a duration is text such as 90s, not %s", text)
	}
	d, err := time.ParseDuration(word)
	*s = span(d)
	return err
}

// callsWant is how often a state calls, or with which parameters.
type callsWant struct {
	number     int
	parameters []asl.Value
}

func (c *callsWant) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &c.number) == nil {
		return nil
	}
	if err := json.Unmarshal(text, &c.parameters); err != nil {
		return errors.New("calls: a number, or a list of parameters")
	}
	c.number = len(c.parameters)
	return nil
}

func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// testFilesIn lists the files of tests that a path means: itself, or those in
// the folder.
func testFilesIn(path string) (files []string, err error) {
	if st, err := os.Stat(path); err != nil || !st.IsDir() {
		return []string{path}, err
	}
	for _, ending := range []string{"yaml", "yml", "json"} {
		found, err := filepath.Glob(filepath.Join(path, "*.test."+ending))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, usagef("%s: has no tests: files that end in .test.yaml", path)
	}
	slices.Sort(files)
	return files, nil
}

// readTests reads a file of tests and the workflow that they are of.
func readTests(path string) (*testFile, *source, error) {
	text, err := manifest.LoadDefinition(path)
	if err != nil {
		return nil, nil, err
	}
	f := &testFile{path: path, text: text}
	if err := strict(text.JSON, f); err != nil {
		return nil, nil, usagef("%s: %w", path, plainJSONError(err))
	}
	s, err := f.source()
	if err != nil {
		return nil, nil, err
	}
	if f.Type != "" {
		s.Type = f.Type
	}
	if f.Values != nil {
		s.Values = f.Values
	}
	for i := range f.Cases {
		if c := &f.Cases[i]; c.Name == "" {
			c.Name = fmt.Sprintf("case %d", i+1)
		}
	}
	if len(f.Cases) == 0 {
		return nil, nil, usagef("%s: has no cases", path)
	}
	return f, s, nil
}

// plainJSONError takes encoding/json's words out of what it says of YAML.
func plainJSONError(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: must not be a %s", e.Field, e.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// source finds the workflow that the tests are of.
func (f *testFile) source() (*source, error) {
	dir := filepath.Dir(f.path)
	switch {
	case f.Definition != "" && f.Workflow != "":
		return nil, usagef("%s: has a definition and a workflow; leave one of them out", f.path)
	case f.Definition != "":
		file := f.Definition
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		all, err := sourcesOf(file)
		if err != nil {
			return nil, err
		}
		return all[0], nil
	case f.Workflow == "":
		return nil, usagef("%s: names no definition and no workflow", f.path)
	}
	m, err := manifest.Load(dir)
	if err != nil {
		return nil, err
	}
	w := m.Workflow(f.Workflow)
	if w == nil {
		return nil, usagef("%s: there is no workflow %q in %s", f.path, f.Workflow, m.Path)
	}
	return sourceIn(m, w)
}
