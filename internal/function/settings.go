package function

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/runtimes"
)

// Log formats of a function.
const (
	LogText = "Text"
	LogJSON = "JSON"
)

var (
	roleRE    = regexp.MustCompile(`^arn:aws:iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$`)
	handlerRE = regexp.MustCompile(`^[^\s\x00-\x1f\x7f]+$`)
	commandRE = regexp.MustCompile(`^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$`)
	envNameRE = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
)

// newVersion fills in a Create's defaults, checks it and makes its $LATEST,
// still without code and time.
func (f *Functions) newVersion(c *Create) (*ebb.Version, error) {
	c.MemoryMB = or(c.MemoryMB, DefaultMemoryMB)
	c.TimeoutS = or(c.TimeoutS, DefaultTimeoutS)
	c.TmpMB = or(c.TmpMB, DefaultTmpMB)
	c.Architecture = or(c.Architecture, f.cfg.Architecture)
	c.LogFormat = or(c.LogFormat, LogText)
	if err := f.checkCreate(c); err != nil {
		return nil, err
	}
	v := &ebb.Version{
		FunctionKey: c.FunctionKey, RevisionID: newRevision(), Description: c.Description,
		Runtime: c.Runtime, Handler: c.Handler, Role: c.Role,
		MemoryMB: c.MemoryMB, TimeoutS: c.TimeoutS, TmpMB: c.TmpMB,
		Architecture: c.Architecture, PackageType: ebb.PackageZip, Env: someEnv(c.Env), LogFormat: c.LogFormat, PerTenant: c.PerTenant,
		DeadLetter: c.DeadLetter, FileSystems: c.FileSystems,
		State: ebb.StateActive, UpdateStatus: ebb.UpdateSuccessful,
	}
	if c.ImageURI != "" {
		v.PackageType = ebb.PackageImage
		v.Image = &ebb.Image{URI: c.ImageURI}
		if c.ImageConfig != nil {
			v.Image.Config = *c.ImageConfig
		}
	}
	return v, f.checkRun(v)
}

func (f *Functions) checkCreate(c *Create) error {
	if !c.Service.Valid() {
		return invalid("service: %q is not a service id", c.Service)
	}
	if !ebb.ValidFunctionName(c.Name) {
		return invalid("FunctionName: %.140q is not 1 to 64 letters, digits, - and _", c.Name)
	}
	for _, check := range []error{
		f.checkSource(c), checkRole(c.Role),
		checkDescription(c.Description),
		checkRange("MemorySize", c.MemoryMB, MinMemoryMB, MaxMemoryMB, "MB"),
		checkRange("Timeout", c.TimeoutS, 1, f.cfg.MaxTimeoutS, "seconds"),
		checkRange("EphemeralStorage.Size", c.TmpMB, MinTmpMB, MaxTmpMB, "MB"),
		f.checkArchitecture(c.Architecture), f.checkEnv(c.Env), checkTags(c.Tags), checkLogFormat(c.LogFormat),
		f.checkTarget(c.FunctionKey, "DeadLetterConfig.TargetArn", c.DeadLetter),
	} {
		if check != nil {
			return check
		}
	}
	return nil
}

// checkUpdate checks what is set and can be judged by itself.
func (f *Functions) checkUpdate(u *UpdateConfig) error {
	var checks []error
	if u.Runtime != nil {
		checks = append(checks, f.checkRuntime(*u.Runtime))
	}
	if u.Role != nil {
		checks = append(checks, checkRole(*u.Role))
	}
	if u.Description != nil {
		checks = append(checks, checkDescription(*u.Description))
	}
	if u.MemoryMB != nil {
		checks = append(checks, checkRange("MemorySize", *u.MemoryMB, MinMemoryMB, MaxMemoryMB, "MB"))
	}
	if u.TimeoutS != nil {
		checks = append(checks, checkRange("Timeout", *u.TimeoutS, 1, f.cfg.MaxTimeoutS, "seconds"))
	}
	if u.TmpMB != nil {
		checks = append(checks, checkRange("EphemeralStorage.Size", *u.TmpMB, MinTmpMB, MaxTmpMB, "MB"))
	}
	if u.LogFormat != nil {
		checks = append(checks, checkLogFormat(*u.LogFormat))
	}
	if u.DeadLetter != nil {
		checks = append(checks, f.checkTarget(u.FunctionKey, "DeadLetterConfig.TargetArn", *u.DeadLetter))
	}
	checks = append(checks, f.checkEnv(u.Env))
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Functions) checkRuntime(id string) error {
	if id == "" {
		return missing("Runtime")
	}
	if _, ok := f.runtimes.Lookup(id); ok {
		return nil
	}
	have := f.runtimes.IDs()
	if len(have) == 0 {
		return invalid("Runtime: %.140q is not installed on this host, which has no runtime at all", id)
	}
	if why := f.runtimes.Why(id); why != "" {
		return invalid("Runtime: %.140q is not there: %s. This host has %s", id, why, strings.Join(have, ", "))
	}
	return invalid("Runtime: %.140q is not installed on this host; it has %s", id, strings.Join(have, ", "))
}

// checkHandler: only the runtime knows which handlers it can call and says so
// when it starts; that there must be one, and its shape, is known now. A process
// that speaks the Runtime API by itself may do without. The handler of a web
// function is a command.
func (f *Functions) checkHandler(runtime, handler string, web bool) error {
	if handler == "" {
		r, ok := f.runtimes.Lookup(runtime)
		switch {
		case !ok || r.Protocol == runtimes.HTTP:
			return nil
		case web:
			return invalid("Handler: missing; a web function of runtime %s needs the command that starts its server", runtime)
		}
		return invalid("Handler: missing; runtime %s needs one", runtime)
	}
	if web {
		if len(handler) > MaxHandler || !utf8.ValidString(handler) || !commandRE.MatchString(handler) {
			return invalid("Handler: %.140q is not a command of 1 to %d bytes on one line", handler, MaxHandler)
		}
		return nil
	}
	if len(handler) > MaxHandler || !utf8.ValidString(handler) || !handlerRE.MatchString(handler) {
		return invalid("Handler: %.140q is not 1 to %d bytes without spaces", handler, MaxHandler)
	}
	return nil
}

func checkRole(arn string) error {
	if arn == "" {
		return missing("Role")
	}
	if !roleRE.MatchString(arn) {
		return invalid("Role: %.140q is not arn:aws:iam::<12 digits>:role/<name>", arn)
	}
	return nil
}

func checkDescription(d string) error {
	if utf8.RuneCountInString(d) > MaxDescription || !utf8.ValidString(d) {
		return invalid("Description: longer than %d characters, or not UTF-8", MaxDescription)
	}
	return nil
}

func checkRange(field string, n, low, high int, unit string) error {
	if n < low || n > high {
		return invalid("%s: %d is not between %d and %d %s", field, n, low, high, unit)
	}
	return nil
}

func (f *Functions) checkArchitecture(a string) error {
	if a != f.cfg.Architecture {
		return invalid("Architectures: %.140q does not run on this host, which is %s", a, f.cfg.Architecture)
	}
	return nil
}

func checkLogFormat(l string) error {
	if l != LogText && l != LogJSON {
		return invalid("LoggingConfig.LogFormat: %.140q is not %s or %s", l, LogText, LogJSON)
	}
	return nil
}

func (f *Functions) checkEnv(env map[string]string) error {
	size := 0
	var reserved []string
	for name, value := range env {
		size += len(name) + len(value)
		if runtimeapi.Reserved(name) {
			reserved = append(reserved, name)
			continue
		}
		if !envNameRE.MatchString(name) {
			return invalid("Environment.Variables: %.140q is not a letter followed by letters, digits and _", name)
		}
		if strings.ContainsRune(value, 0) || !utf8.ValidString(value) {
			return invalid("Environment.Variables.%s: holds a NUL byte or is not UTF-8", name)
		}
	}
	if reserved != nil {
		slices.Sort(reserved)
		return invalid("Environment.Variables: Lambda was unable to configure your environment variables because "+
			"the environment variables you have provided contains reserved keys that are currently not supported "+
			"for modification. Reserved keys used in this request: %s", strings.Join(reserved, ", "))
	}
	if size > f.cfg.MaxEnvBytes {
		return invalid("Environment.Variables: Lambda was unable to configure your environment variables because "+
			"the environment variables you have provided exceeded the %s limit: names and values have %d bytes", sizeText(f.cfg.MaxEnvBytes), size)
	}
	return nil
}

// sizeText is how the Lambda API writes 4096.
func sizeText(bytes int) string {
	if bytes%1024 == 0 {
		return strconv.Itoa(bytes/1024) + "KB"
	}
	return strconv.Itoa(bytes) + " bytes"
}

func checkTags(tags map[string]string) error {
	if len(tags) > MaxTags {
		return invalid("Tags: %d are more than %d", len(tags), MaxTags)
	}
	for k, v := range tags {
		switch {
		case k == "" || utf8.RuneCountInString(k) > 128 || !utf8.ValidString(k):
			return invalid("Tags: the key %.140q is not 1 to 128 characters", k)
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return invalid("Tags: the key %q begins with aws:, which is reserved", k)
		case utf8.RuneCountInString(v) > 256 || !utf8.ValidString(v):
			return invalid("Tags: the value of %q is longer than 256 characters, or not UTF-8", k)
		}
	}
	return nil
}

func missing(field string) error { return invalid("%s: missing", field) }

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
