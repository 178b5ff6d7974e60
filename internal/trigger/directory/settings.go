package directory

import (
	"bytes"
	"context"
	"encoding/json"
	"path"
	"path/filepath"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Settings are what a directory trigger has besides what all triggers have.
type Settings struct {
	// Path is the folder, absolute, on the host.
	Path string `json:"path"`
	// Recursive takes files of the folders in it too.
	Recursive bool `json:"recursive,omitempty"`
	// Prefix and Suffix are what paths of files, from the folder on, begin with and
	// end in; Glob is what their names look like.
	Prefix string `json:"prefix,omitempty"`
	Suffix string `json:"suffix,omitempty"`
	Glob   string `json:"glob,omitempty"`
	// Complete says when a file is: Stable, Rename or Marker.
	Complete string `json:"complete,omitempty"`
	// StableFor is for how many seconds a file must not have changed.
	StableFor int `json:"stableFor,omitempty"`
	// Marker is what the name of the file ends in that says that another is complete.
	Marker string `json:"marker,omitempty"`
	// Every is after how many seconds the folder is looked at, whatever happens.
	Every int `json:"every,omitempty"`
	// After says what becomes of a file whose task succeeded: Keep, Delete or
	// Archive.
	After string `json:"after,omitempty"`
	// Archive and Failed are folders, from Path on: where files go whose task
	// succeeded, and whose task was given up ("" = they stay).
	Archive string `json:"archive,omitempty"`
	Failed  string `json:"failed,omitempty"`
}

// Values of Complete and After.
const (
	Stable  = "stable"
	Rename  = "rename"
	Marker  = "marker"
	Keep    = "keep"
	Delete  = "delete"
	Archive = "archive"
)

// Bounds and defaults of Settings.
const (
	defaultStable = 5
	maxStable     = 3600
	defaultEvery  = 10
	maxEvery      = 3600
	maxAffix      = 1024
)

// Check implements trigger.Kind.
func (k *Kind) Check(_ context.Context, t *ebb.Trigger) (json.RawMessage, error) {
	s := new(Settings)
	d := json.NewDecoder(bytes.NewReader(t.Settings))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, invalid("directory: %v", err)
	}
	if err := s.complete(); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(s.Path) || filepath.Clean(s.Path) != s.Path {
		return nil, invalid("directory.path: %.200q is not a clean absolute path", s.Path)
	}
	o := k.offer(t.Service, s.Path)
	switch {
	case o == nil:
		return nil, invalid("directory.path: %.200q is in no folder that this node offers to the service (directories)", s.Path)
	case o.ReadOnly && (s.After != Keep || s.Failed != ""):
		return nil, invalid("directory.after, directory.failed: the folder is offered for reading only")
	}
	f, err := k.open(t, s)
	if err != nil {
		return nil, invalid("directory.path: %v", err)
	}
	return pack(s, f.close())
}

func pack(s *Settings, err error) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// complete fills in defaults and checks what needs nothing else to be known.
func (s *Settings) complete() error {
	for field, by := range map[*string]string{&s.Complete: Stable, &s.After: Keep} {
		if *field == "" {
			*field = by
		}
	}
	if s.Complete == Marker && s.Marker == "" {
		s.Marker = ".ok"
	}
	if s.Complete == Stable && s.StableFor == 0 {
		s.StableFor = defaultStable
	}
	if s.Every == 0 {
		s.Every = defaultEvery
	}
	_, badGlob := path.Match(s.Glob, "")
	switch {
	case s.Complete != Stable && s.Complete != Rename && s.Complete != Marker:
		return invalid("directory.complete: %.40q is none of stable, rename and marker", s.Complete)
	case s.StableFor < 0 || s.StableFor > maxStable || s.Complete != Stable && s.StableFor != 0:
		return invalid("directory.stableFor: must be between 1 and %d seconds, and belongs to complete: stable", maxStable)
	case s.Complete != Marker && s.Marker != "" || strings.ContainsAny(s.Marker, "/\x00"):
		return invalid("directory.marker: is the end of a name, and belongs to complete: marker")
	case s.Every < 1 || s.Every > maxEvery:
		return invalid("directory.every: %d is not between 1 and %d seconds", s.Every, maxEvery)
	case s.After != Keep && s.After != Delete && s.After != Archive:
		return invalid("directory.after: %.40q is none of keep, delete and archive", s.After)
	case (s.After == Archive) != (s.Archive != ""):
		return invalid("directory.archive: the folder, and after: archive, go together")
	case badGlob != nil:
		return invalid("directory.glob: %.140q is no pattern", s.Glob)
	case len(s.Prefix) > maxAffix || len(s.Suffix) > maxAffix:
		return invalid("directory.prefix, directory.suffix: at most %d bytes", maxAffix)
	}
	for field, folder := range map[string]string{"archive": s.Archive, "failed": s.Failed} {
		if folder != "" && (!filepath.IsLocal(folder) || filepath.Clean(folder) != folder || folder == ".") {
			return invalid("directory.%s: %.200q is not a clean path from the folder on", field, folder)
		}
	}
	if s.Archive != "" && s.Archive == s.Failed {
		return invalid("directory.failed: is the archive")
	}
	return nil
}

// takes reports whether a file's path, from the folder on, is one that the trigger
// asked for.
func (s *Settings) takes(name string) bool {
	return strings.HasPrefix(name, s.Prefix) && strings.HasSuffix(name, s.Suffix) && !s.passes(name) &&
		(s.Marker == "" || !strings.HasSuffix(name, s.Marker)) && (s.Glob == "" || match(s.Glob, path.Base(name)))
}

func match(glob, name string) bool {
	ok, err := path.Match(glob, name)
	return ok && err == nil
}

// passes reports whether a file or folder is passed over: those whose names say
// that they are hidden or being written, and where files are moved to.
func (s *Settings) passes(name string) bool {
	for _, folder := range []string{s.Archive, s.Failed} {
		if folder != "" && (name == folder || strings.HasPrefix(name, folder+"/")) {
			return true
		}
	}
	base := path.Base(name)
	if strings.HasPrefix(base, ".") && base != "." {
		return true
	}
	for _, end := range [...]string{".tmp", ".part", ".partial", ".filepart", ".crdownload", "~"} {
		if strings.HasSuffix(base, end) {
			return true
		}
	}
	return false
}

// overlaps reports whether a file could be both rules'.
func (s *Settings) overlaps(o *Settings) bool {
	return (strings.HasPrefix(s.Prefix, o.Prefix) || strings.HasPrefix(o.Prefix, s.Prefix)) &&
		(strings.HasSuffix(s.Suffix, o.Suffix) || strings.HasSuffix(o.Suffix, s.Suffix))
}
