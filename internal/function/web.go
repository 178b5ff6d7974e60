package function

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// takenPorts are those of a box on which ebb itself listens.
var takenPorts = []int{9001, 9002}

// checkRun checks the settings that say how v is run, that they fit each other,
// and that they ask for no more than the platform offers.
func (f *Functions) checkRun(v *ebb.Version) error {
	for _, check := range []func(*ebb.Version) error{checkWeb, f.checkLifecycle, checkEgress, f.checkMounts, checkCPU} {
		if err := check(v); err != nil {
			return err
		}
	}
	return nil
}

func checkWeb(v *ebb.Version) error {
	if _, err := ebb.ParseRetryDelays(v.Setting(ebb.EnvRetryDelays)); err != nil {
		return err
	}
	if s := v.Setting(ebb.EnvWebPort); s != "" {
		port, err := strconv.Atoi(s)
		switch {
		case err != nil || port < 1 || port > 65535:
			return invalid("Environment.Variables.%s: %.140q is not a port, 1 to 65535", ebb.EnvWebPort, s)
		case slices.Contains(takenPorts, port):
			return invalid("Environment.Variables.%s: %d is a port of the platform's own in every instance", ebb.EnvWebPort, port)
		}
	}
	if s := v.Setting(ebb.EnvEventPath); s != "" && !strings.HasPrefix(s, "/") {
		return invalid("Environment.Variables.%s: %.140q does not begin with /", ebb.EnvEventPath, s)
	}
	s := v.Setting(ebb.EnvConcurrency)
	if s == "" {
		return nil
	}
	if n, err := strconv.Atoi(s); err != nil || n < 1 || n > ebb.MaxConcurrency {
		return invalid("Environment.Variables.%s: %.140q is not a number from 1 to %d", ebb.EnvConcurrency, s, ebb.MaxConcurrency)
	}
	return nil
}

// isWeb reports whether these variables make a web function.
func isWeb(env map[string]string) bool { return (&ebb.Version{Env: env}).WebPort() > 0 }

// imageSettings are those of an image's own variables that say how it is run.
func imageSettings(img *artifact.Image) map[string]string {
	var settings map[string]string
	for _, kv := range img.Config.Env {
		name, value, _ := strings.Cut(kv, "=")
		if slices.Contains(ebb.Settings(), name) {
			if settings == nil {
				settings = make(map[string]string)
			}
			settings[name] = value
		}
	}
	return settings
}
