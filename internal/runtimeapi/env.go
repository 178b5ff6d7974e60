package runtimeapi

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Paths of a box, as Lambda has them. They go through the box's own translation
// before a process sees them.
const (
	TaskRoot   = "/var/task"
	RuntimeDir = "/var/runtime"
	LayerRoot  = "/opt"
)

// logJSON is the LogFormat with which a runtime logs JSON objects.
const logJSON = "JSON"

// EnvOptions is what a function's environment holds besides its version's own
// variables. Empty fields leave the variable out, unless a default is named.
type EnvOptions struct {
	Region          string
	RuntimeAPI      string // host:port of the Lambda Runtime API; "" on the framed socket
	Endpoint        string // URL of ebb's own APIs inside the box
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	LogStream       string
	TaskRoot        string   // default TaskRoot
	RuntimeDir      string   // default RuntimeDir
	InitType        string   // default on-demand
	Runtime         []string // KEY=VALUE of the runtime (runtimes.Runtime.Env): PATH and its like
	WebPort         int      // port that a web function's server is to listen on; 0 = it is none
	Image           bool     // the box's root is an image, which knows its own places and language
}

// reserved are the variables that describe the platform; a function cannot set
// them. Those that a function may set in Lambda (PATH, TZ, LANG and others) are
// not among them.
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
	"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_MAX_CONCURRENCY", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

// Reserved reports whether name is a variable that only the platform sets.
func Reserved(name string) bool { return slices.Contains(reserved, name) }

// Env builds the complete environment of a version's instance: the defaults,
// then the version's own variables, then the reserved ones.
func Env(v *ebb.Version, o EnvOptions) map[string]string {
	taskRoot, runtimeDir := orDefault(o.TaskRoot, TaskRoot), orDefault(o.RuntimeDir, RuntimeDir)
	env := defaultEnv(o.Image, taskRoot, runtimeDir)
	for _, kv := range o.Runtime {
		if key, value, ok := strings.Cut(kv, "="); ok {
			env[key] = value
		}
	}
	maps.Copy(env, v.Env)
	for _, name := range reserved {
		delete(env, name)
	}
	set := func(key, value string) {
		if value != "" {
			env[key] = value
		}
	}
	if o.WebPort > 0 {
		env["PORT"] = strconv.Itoa(o.WebPort)
		env[ebb.EnvWebPort] = env["PORT"]
		if !o.Image { // the command may be a program of the package
			env["PATH"] += ":" + taskRoot
		}
	}
	set("_HANDLER", v.Handler)
	set("LAMBDA_TASK_ROOT", taskRoot)
	set("LAMBDA_RUNTIME_DIR", runtimeDir)
	set("AWS_LAMBDA_RUNTIME_API", o.RuntimeAPI)
	if n := v.Concurrency(); n > 1 && o.RuntimeAPI != "" {
		set("AWS_LAMBDA_MAX_CONCURRENCY", strconv.Itoa(n))
	}
	set("AWS_LAMBDA_FUNCTION_NAME", v.Name)
	set("AWS_LAMBDA_FUNCTION_VERSION", v.Qualifier())
	set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", strconv.Itoa(v.MemoryMB))
	set("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/"+v.Name)
	set("AWS_LAMBDA_LOG_STREAM_NAME", o.LogStream)
	if v.LogFormat == logJSON {
		set("AWS_LAMBDA_LOG_FORMAT", logJSON)
	}
	if v.Runtime != "" {
		set("AWS_EXECUTION_ENV", "AWS_Lambda_"+v.Runtime)
	}
	set("AWS_LAMBDA_INITIALIZATION_TYPE", orDefault(o.InitType, "on-demand"))
	set("AWS_REGION", o.Region)
	set("AWS_DEFAULT_REGION", o.Region)
	set("AWS_ACCESS_KEY_ID", o.AccessKeyID)
	set("AWS_SECRET_ACCESS_KEY", o.SecretAccessKey)
	set("AWS_SESSION_TOKEN", o.SessionToken)
	if _, own := v.Env["AWS_ENDPOINT_URL"]; !own { // a function may have an endpoint of its own in mind
		set("AWS_ENDPOINT_URL", o.Endpoint)
	}
	return env
}

// defaultEnv is what a runtime, a version and the platform build on.
func defaultEnv(image bool, taskRoot, runtimeDir string) map[string]string {
	if image {
		return map[string]string{"TZ": ":UTC", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	}
	return map[string]string{
		"TZ":   ":UTC",
		"LANG": "C.UTF-8",
		"PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"LD_LIBRARY_PATH": strings.Join([]string{
			"/lib64", "/usr/lib64", runtimeDir, runtimeDir + "/lib", taskRoot, taskRoot + "/lib", "/opt/lib"}, ":"),
	}
}

// EnvList spells an environment as a process takes it: KEY=VALUE, sorted.
func EnvList(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return list
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
