package runtimes

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// family is an entry of catalog.json.
type family struct {
	Name      string            `json:"name"`
	Protocol  string            `json:"protocol"`
	ID        string            `json:"id"`        // of one version, with {major} and {minor}
	Default   string            `json:"default"`   // id of the host's own choice
	IDs       []string          `json:"ids"`       // of a family without interpreters
	Aliases   map[string]string `json:"aliases"`   // further names of ids
	Oldest    string            `json:"oldest"`    // version, MAJOR.MINOR
	Commands  []string          `json:"commands"`  // file name patterns, looked for in PATH
	Places    []string          `json:"places"`    // path patterns; ~ is the home directory, $NAME a variable
	Variables []string          `json:"variables"` // of the environment that version managers read
	Redirects []string          `json:"redirects"` // files that change what a command in PATH runs
	Probe     []string          `json:"probe"`     // arguments, with {bootstrap}; prints a probed as JSON
	Bootstrap string            `json:"bootstrap"` // folder of the bootstrap
	Needs     string            `json:"needs"`     // a part of the bootstrap that is built, not kept with the sources
	How       string            `json:"how"`       // what to do if that is missing
	Dir       string            `json:"dir"`       // see Runtime
	Heap      Heap              `json:"heap"`
	Argv      []string          `json:"argv"`    // with {interpreter}, {options}, and what Command fills in
	Options   []options         `json:"options"` // in the order of versions
	Prepare   *prepare          `json:"prepare"`
	Compile   *prepare          `json:"compile"` // the same for each code, which the command finds in its places
	Zygote    *zygote           `json:"zygote"`
	Env       []string          `json:"env"` // with {bin}, the interpreter's folder
	StartEnv  []string          `json:"startEnv"`
}

// zygote is what catalog.json has about a process that instances are copied from.
type zygote struct {
	Since string   `json:"since"` // version
	Argv  []string `json:"argv"`  // as the family's
}

func readFamilies() ([]family, error) {
	text, err := files.ReadFile("catalog.json")
	if err != nil {
		return nil, err
	}
	var c struct{ Families []family }
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("catalog.json: %w", err)
	}
	return c.Families, nil
}

// complete leaves out the families of whose bootstrap a part was not built.
func complete(all []family) (families []family, missing []Missing) {
	for _, f := range all {
		if f.Needs != "" {
			if _, err := fs.Stat(files, f.Needs); err != nil {
				missing = append(missing, Missing{Family: f.Name, Reason: f.How})
				continue
			}
		}
		families = append(families, f)
	}
	return families, missing
}

// onHost is families with probes that find the bootstraps where the host has them.
func onHost(families []family, bootstraps string) []family {
	families = slices.Clone(families)
	for i := range families {
		f := &families[i]
		fill := strings.NewReplacer("{bootstrap}", filepath.Join(bootstraps, f.Bootstrap))
		f.Probe = slices.Clone(f.Probe)
		for j, arg := range f.Probe {
			f.Probe[j] = fill.Replace(arg)
		}
	}
	return families
}

// idOf is the identifier of a version, for example python3.11.
func (f *family) idOf(version string) string {
	major, minor := majorMinor(version)
	return strings.NewReplacer("{major}", strconv.Itoa(major), "{minor}", strconv.Itoa(minor)).Replace(f.ID)
}

func (f *family) runtime(id string, p probed, bootstraps string) *Runtime {
	r := &Runtime{ID: id, Family: f.Name, Version: p.Version, Protocol: f.Protocol, StartEnv: f.StartEnv, Dir: f.Dir, Heap: f.Heap}
	fill := strings.NewReplacer("{interpreter}", p.Executable, "{bin}", path.Dir(p.Executable))
	for _, a := range f.withOptions(f.Argv, p.Version) {
		r.Argv = append(r.Argv, fill.Replace(a))
	}
	for _, e := range f.Env {
		r.Env = append(r.Env, fill.Replace(e))
	}
	r.Mounts = f.bootstrapMounts(bootstraps)
	if f.Prepare != nil && compareVersions(p.Version, f.Prepare.Since) >= 0 {
		r.Prepare = f.Prepare.of(p, f.withOptions(f.Prepare.Argv, p.Version), fill, bootstraps)
	}
	if f.Compile != nil && compareVersions(p.Version, f.Compile.Since) >= 0 {
		r.Compile = f.Compile.of(p, f.Compile.Argv, fill, bootstraps)
	}
	if f.Zygote != nil && compareVersions(p.Version, f.Zygote.Since) >= 0 {
		for _, a := range f.Zygote.Argv {
			r.Zygote = append(r.Zygote, fill.Replace(a))
		}
	}
	for _, m := range p.Mounts {
		if !provided(m) {
			r.Mounts = append(r.Mounts, Mount{Source: m, Target: m})
		}
	}
	return r
}

// bootstrapMounts is how the family's bootstrap comes into a box.
func (f *family) bootstrapMounts(bootstraps string) []Mount {
	if f.Bootstrap == "" {
		return nil
	}
	return []Mount{{Source: filepath.Join(bootstraps, f.Bootstrap), Target: bootstrapDir}}
}

// provided reports whether every box has path already.
func provided(path string) bool {
	for _, dir := range []string{"/usr", "/lib", "/lib64", "/bin", "/sbin"} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}
