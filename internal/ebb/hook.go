package ebb

// Hook is a point of an instance's life at which code of the function's own may
// run, apart from its invocations.
type Hook string

// The hooks, in the order of an instance's life. The names are those that
// runtimes are told.
const (
	HookInitializer Hook = "initializer" // once, after the code was loaded and before the first invocation
	HookPreFreeze   Hook = "pre-freeze"  // each time before the instance is frozen
	HookPreStop     Hook = "pre-stop"    // once, before the instance is ended
)

// Variables of a version's environment that name the handlers of its hooks, in
// the same way as the version's Handler.
const (
	EnvInitializer = "EBB_INITIALIZER"
	EnvPreFreeze   = "EBB_PRE_FREEZE"
	EnvPreStop     = "EBB_PRE_STOP"
)

// Hooks are all hooks.
func Hooks() []Hook { return []Hook{HookInitializer, HookPreFreeze, HookPreStop} }

// Env is the variable that names the hook's handler.
func (h Hook) Env() string {
	switch h {
	case HookInitializer:
		return EnvInitializer
	case HookPreFreeze:
		return EnvPreFreeze
	case HookPreStop:
		return EnvPreStop
	}
	return ""
}

// HookHandler is the handler that the version names for h, "" if it names none:
// then there is nothing to run.
func (v *Version) HookHandler(h Hook) string { return v.Env[h.Env()] }
