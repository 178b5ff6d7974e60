package runtimes

import "slices"

// options are arguments that only some versions of an interpreter need or know.
type options struct {
	Since string   `json:"since"` // version; up to the next entry's
	Argv  []string `json:"argv"`
}

// withOptions is argv with the arguments for a version in the place of {options}.
func (f *family) withOptions(argv []string, version string) []string {
	var fit []string
	for _, o := range f.Options {
		if compareVersions(version, o.Since) >= 0 {
			fit = o.Argv
		}
	}
	at := slices.Index(argv, "{options}")
	if at < 0 {
		return argv
	}
	return slices.Replace(slices.Clone(argv), at, at+1, fit...)
}
