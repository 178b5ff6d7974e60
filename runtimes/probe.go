package runtimes

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits of probing: an interpreter that does not tell its version in time is
// not one, and a host with hundreds of them is searched only so far.
const (
	probeTime     = 5 * time.Second
	probeParallel = 4
	maxCandidates = 100
)

// probed is what an interpreter says about itself.
type probed struct {
	Version    string   `json:"version"`
	Build      string   `json:"build"`      // tells apart what has the same version; may be ""
	Executable string   `json:"executable"` // the real one, behind links and shims
	Mounts     []string `json:"mounts"`     // what it needs to run
}

// usable reports whether functions can run with it.
func (p probed) usable(oldest string) bool {
	return p.Version != "" && filepath.IsAbs(p.Executable) && compareVersions(p.Version, oldest) >= 0 &&
		!slices.ContainsFunc(p.Mounts, func(m string) bool { return !filepath.IsAbs(m) || m == "/" || m == homeDir() })
}

// remembered is a probe's result and what it depends on. Stamp is the size and
// time of the command and, because a command may be a version manager's shim, of
// the files that say what it runs.
type remembered struct {
	Stamp  string `json:"stamp"`
	Probed probed `json:"probed"` // Version is "" if it does not work
}

// search looks for interpreters. It remembers across starts, in one file.
type search struct {
	getenv func(string) string
	path   []string
	home   string
	memory string
	limit  time.Duration // for one probe

	mu    sync.Mutex
	known map[string]remembered // by command
	fresh map[string]remembered // what this search saw
}

func newSearch(getenv func(string) string, home, memory string) *search {
	s := &search{getenv: getenv, path: filepath.SplitList(getenv("PATH")), home: home, memory: memory, limit: probeTime,
		known: make(map[string]remembered), fresh: make(map[string]remembered)}
	if text, err := os.ReadFile(memory); err == nil && json.Unmarshal(text, &s.known) != nil {
		s.known = make(map[string]remembered) // a broken file is as good as none
	}
	return s
}

// run probes all families' candidates, and returns the working interpreters of
// each in order of preference, without doubles.
func (s *search) run(ctx context.Context, families []family) map[string][]probed {
	var g errgroup.Group
	g.SetLimit(probeParallel)
	results := make([][]probed, len(families))
	for i, f := range families {
		candidates := s.candidates(f)
		results[i] = make([]probed, len(candidates))
		for j, command := range candidates {
			g.Go(func() error {
				results[i][j] = s.probe(ctx, f, command)
				return nil
			})
		}
	}
	_ = g.Wait()          // nothing fails: what does not work is left out
	if ctx.Err() == nil { // else it did not ask all
		s.remember()
	}
	found := make(map[string][]probed)
	for i, f := range families {
		seen := make(map[string]bool)
		for _, p := range results[i] {
			if p.Version != "" && !seen[p.Executable] {
				seen[p.Executable] = true
				found[f.Name] = append(found[f.Name], p)
			}
		}
	}
	return found
}

// remembers reports whether run need ask nobody.
func (s *search) remembers(families []family) bool {
	for _, f := range families {
		for _, command := range s.candidates(f) {
			if _, ok := s.recall(command, s.stamp(f, command)); !ok {
				return false
			}
		}
	}
	return true
}

// recall is what is remembered of a command as it is now.
func (s *search) recall(command, stamp string) (remembered, bool) {
	r, ok := s.known[command]
	return r, ok && r.Stamp == stamp && (r.Probed.Version == "" || executable(r.Probed.Executable))
}

// candidates lists commands in order of preference: what the user's PATH says
// first, then the places, newest version first.
func (s *search) candidates(f family) []string {
	var all []string
	seen := make(map[string]bool)
	add := func(pattern string, scripts bool) {
		for _, p := range glob(pattern) {
			real, err := filepath.EvalSymlinks(p)
			if err != nil || seen[real] || len(all) == maxCandidates || !executable(real) || !scripts && script(real) {
				continue
			}
			seen[real] = true
			all = append(all, p)
		}
	}
	for _, command := range f.Commands {
		for _, dir := range s.path {
			if filepath.IsAbs(dir) {
				// Of a version manager's many shims only the plain command is worth
				// its time; the versions themselves are found where they lie.
				add(filepath.Join(dir, command), !strings.ContainsAny(command, "*?["))
			}
		}
	}
	for _, place := range f.Places {
		if p, ok := s.expand(place); ok {
			add(p, true)
		}
	}
	return all
}

// script reports whether the file starts another program.
func script(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	var b [2]byte
	n, _ := f.Read(b[:])
	return string(b[:n]) == "#!"
}

// glob returns matches, those with higher numbers first.
func glob(pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil // a PATH entry with strange characters
	}
	slices.SortFunc(paths, func(a, b string) int { return compareVersions(digits(b), digits(a)) })
	return paths
}

// digits keeps the numbers of a path, dotted, so that 3.11 sorts after 3.9.
func digits(path string) string {
	return strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' }), ".")
}

// expand replaces ~ and $NAME at the beginning of a path; false if there is none.
func (s *search) expand(path string) (string, bool) {
	first, rest, _ := strings.Cut(path, "/")
	switch name, variable := strings.CutPrefix(first, "$"); {
	case variable:
		first = s.getenv(name)
	case first == "~":
		first = s.home
	default:
		return path, true
	}
	return filepath.Join(first, rest), filepath.IsAbs(first)
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// probe asks the command what it is, unless it is remembered.
func (s *search) probe(ctx context.Context, f family, command string) probed {
	stamp := s.stamp(f, command)
	if r, ok := s.recall(command, stamp); ok {
		s.keep(command, r)
		return r.Probed
	}
	p, err := s.ask(ctx, f, command)
	if ctx.Err() != nil {
		return probed{}
	}
	if err != nil {
		p = probed{}
	}
	s.keep(command, remembered{Stamp: stamp, Probed: p})
	return p
}

// stamp changes when what the command is may have changed.
func (s *search) stamp(f family, command string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q", f.Probe)
	real, err := filepath.EvalSymlinks(command)
	if err != nil {
		real = command
	}
	for _, path := range append([]string{real}, f.Redirects...) {
		if path, ok := s.expand(path); ok {
			if st, err := os.Stat(path); err == nil {
				fmt.Fprintf(&b, " %s %d %d", path, st.Size(), st.ModTime().UnixNano())
			}
		}
	}
	for _, name := range f.Variables {
		fmt.Fprintf(&b, " %s=%s", name, s.getenv(name))
	}
	return b.String()
}

func (s *search) ask(ctx context.Context, f family, command string) (probed, error) {
	var p probed
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, f.Probe...)
	cmd.Dir = "/" // a version manager may look at files of the current directory
	cmd.Env = []string{"HOME=" + s.home, "PATH=" + s.getenv("PATH")}
	for _, name := range f.Variables {
		if value := s.getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return p, err
	}
	err = json.Unmarshal(out, &p)
	return p, err
}

func (s *search) keep(command string, r remembered) {
	s.mu.Lock()
	s.fresh[command] = r
	s.mu.Unlock()
}

// remember writes the memory if it changed. Without it the next start is slower,
// no more.
func (s *search) remember() {
	if len(s.fresh) == len(s.known) {
		same := true
		for command, r := range s.fresh {
			same = same && s.known[command].Stamp == r.Stamp
		}
		if same {
			return
		}
	}
	if text, err := json.MarshalIndent(s.fresh, "", "  "); err == nil {
		_ = writeFile(s.memory, text)
	}
}
