package manifest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "embed" // schema.json

	"github.com/ebb-faas/ebb/internal/ebb"
)

// FileName is what a manifest is called in a folder.
const FileName = "ebb.yaml"

// maxSize bounds what is read as a manifest, in bytes.
const maxSize = 1 << 20

// What holds for a function whose manifest says nothing else. A manifest is the
// whole truth about its functions, so leaving a key out means these, whatever
// was deployed before.
const (
	DefaultMemoryMB = 128
	DefaultTimeoutS = 3
	DefaultTmpMB    = 512
	DefaultCode     = "."
	DefaultRole     = "default"
	LogText         = "Text"
	LogJSON         = "JSON"
)

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema of ebb.yaml, for editors and checks elsewhere.
func Schema() []byte {
	const defs = "\"$defs\": {\n"
	shapes := bytes.TrimSuffix(bytes.TrimSpace(triggerShapes), []byte("\n}"))[len("{\n"):]
	return bytes.Replace(schema, []byte(defs), slices.Concat([]byte(defs), shapes, []byte(",\n")), 1)
}

// Manifest is one ebb.yaml.
type Manifest struct {
	Path      string   // of the file, as it was found
	Dir       string   // its folder; Function.Code is relative to it
	Service   *Service // nil = that of whoever deploys
	Roles     []Role
	Layers    []Layer
	Functions []Function
	Workflows []Workflow
	Triggers  []Trigger // of the service; those of functions stand with them
}

// Function is what a manifest wants one function to be.
type Function struct {
	Name         string
	Description  string
	Runtime      string
	Handler      string // "" where the runtime needs none
	Code         string // folder, or .zip or .jar file, relative to Manifest.Dir or absolute
	Image        *Image // a container image instead of Runtime, Handler and Code, which are "" then
	Build        string // shell command, "" = nothing to build
	Role         string // name or ARN
	MemoryMB     int
	TimeoutS     int // seconds
	TmpMB        int
	Architecture string // "" = the platform's
	LogFormat    string // LogText or LogJSON
	Env          map[string]string
	Tags         map[string]string
	Layers       []string // names, NAME:VERSION or ARNs, the last one on top
	Aliases      []Alias  // those that are not named are left as they are
	URL          *URL     // nil = the manifest says nothing: leave what there is
	Triggers     []Trigger
	Position     Position
}

// Image is a function's container image, and what to do otherwise than it says.
type Image struct {
	URI        string // a reference, oci:FOLDER[:TAG] or docker-archive:FILE[:NAME]
	EntryPoint []string
	Command    []string
	WorkDir    string
}

// URL is what a manifest says about a function's own address.
type URL struct {
	Enabled bool      // false = there must be none
	Auth    string    // ebb.URLAuthNone or ebb.URLAuthIAM
	Mode    string    // ebb.InvokeModeBuffered or ebb.InvokeModeStream
	CORS    *ebb.CORS // nil = none
}

// Position is a place in a manifest, both counted from 1.
type Position struct{ Line, Column int }

// RoleARN is the ARN of the function's role in a service. A Role that is an ARN
// already is returned as it is.
func (f *Function) RoleARN(service ebb.ServiceID) string {
	if strings.HasPrefix(f.Role, "arn:") {
		return f.Role
	}
	return "arn:aws:iam::" + string(service) + ":role/" + f.Role
}

// Load reads a manifest from a file, or from FileName in a folder. Errors are
// *ebb.Error of type ManifestInvalid; what is wrong inside the file is in
// Problems as their cause.
func Load(path string) (*Manifest, error) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, FileName)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(text) > maxSize {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeManifestInvalid, "%s: larger than %d bytes", path, maxSize)
	}
	m, err := Parse(path, text)
	if err != nil {
		return nil, err
	}
	m.Dir = filepath.Dir(path)
	return m, nil
}

func unreadable(path string, err error) error {
	if os.IsNotExist(err) {
		return &ebb.Error{Kind: ebb.Invalid, Type: ebb.TypeManifestInvalid, Cause: err,
			Message: fmt.Sprintf("there is no %s; make a new function with: ebb init NAME --runtime python", path)}
	}
	return ebb.Errorf(ebb.Invalid, ebb.TypeManifestInvalid, "cannot read the manifest: %w", err)
}

// Function returns the function of that name, or nil.
func (m *Manifest) Function(name string) *Function {
	for i := range m.Functions {
		if m.Functions[i].Name == name {
			return &m.Functions[i]
		}
	}
	return nil
}
