package ebb

import (
	"net/http"
	"strconv"
)

// Variables of a version's environment that change how it is run.
const (
	// EnvWebPort makes a version a web function: an HTTP server on that port. It
	// is what the AWS Lambda Web Adapter calls it, so that a function made for the
	// adapter is one here as it is.
	EnvWebPort = "AWS_LWA_PORT"
	// EnvEventPath is where a web function takes events that are no HTTP requests.
	EnvEventPath = "AWS_LWA_PASS_THROUGH_PATH"
	// EnvConcurrency is how many invocations one instance may have in flight.
	EnvConcurrency = "EBB_INSTANCE_CONCURRENCY"
	// EnvRetryDelays is how long asynchronous invocations wait after the first,
	// second … function error: durations with commas between.
	EnvRetryDelays = "EBB_ASYNC_RETRY_DELAYS"
)

// Limits of these settings.
const (
	DefaultEventPath = "/events"
	MaxConcurrency   = 1000
)

// WebPort is the port that the version's HTTP server listens on, 0 if it is no
// web function.
func (v *Version) WebPort() int {
	s := v.Setting(EnvWebPort)
	if s == "" { // what most say; an error would cost more than all the rest
		return 0
	}
	p, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return int(p)
}

// Settings are the variables that Setting knows.
func Settings() []string {
	return []string{EnvWebPort, EnvEventPath, EnvConcurrency, EnvRetryDelays, EnvEgress, EnvInvocationEgress, EnvMounts, EnvCPUQuota, EnvAlwaysOnCPU}
}

// Setting is a variable that changes how the version is run: of the version's
// own environment, else of its image's; "" if neither has it.
func (v *Version) Setting(name string) string {
	s, ok := v.Env[name]
	if !ok && v.Image != nil {
		s = v.Image.Settings[name]
	}
	return s
}

// Concurrency is how many invocations one instance of the version may have in
// flight, at least 1.
func (v *Version) Concurrency() int {
	s := v.Setting(EnvConcurrency)
	if s == "" {
		return 1
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 1
	}
	return min(n, MaxConcurrency)
}

// Exchange is an HTTP request that a web function answers itself. The answer
// goes to Writer as the function writes it; the invocation's Sink hears only of
// a failure that came before the answer began.
type Exchange struct {
	// Request is what the function shall see: URL without host, headers and body.
	// When its context ends, the client has left.
	Request *http.Request
	Writer  http.ResponseWriter
}
