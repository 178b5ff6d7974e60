package runtimes

// shell runs a version's own command: the variable _HANDLER as a command line.
// The program takes the place of the shell, so that signals reach it.
var shell = [...]string{"/bin/sh", "-c", `eval "exec $_HANDLER"`}

// Web is the runtime for a version that is an HTTP server: the same programs of
// the host, but what runs is the version's own command and no bootstrap. Without
// a handler that is what the runtime runs anyway, which only a runtime without a
// bootstrap can.
func (r *Runtime) Web(handler string) *Runtime {
	w := &Runtime{
		ID: r.ID, Family: r.Family, Version: r.Version,
		Protocol: Web, Argv: r.Argv, Env: r.Env, StartEnv: []string{"*"},
		Dir: r.Dir, Root: r.Root, Literal: r.Literal, User: r.User,
	}
	if handler != "" {
		w.Argv, w.Dir, w.Literal = shell[:], "", true
	}
	for _, m := range r.Mounts {
		if m.Source == m.Target { // the others are a bootstrap's
			w.Mounts = append(w.Mounts, m)
		}
	}
	return w
}
