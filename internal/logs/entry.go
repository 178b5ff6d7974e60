package logs

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Kind says who wrote a line.
type Kind uint8

// The kinds of lines. The numbers are written to disk.
const (
	Function  Kind = 0 // the handler: standard output, standard error, loggers
	Platform  Kind = 1 // ebb: START, END, REPORT, dropped lines
	Extension Kind = 2 // an extension beside the runtime
)

// String is the kind as the APIs spell it.
func (k Kind) String() string {
	switch k {
	case Platform:
		return "platform"
	case Extension:
		return "extension"
	default:
		return "function"
	}
}

// Entry is one line of a function's log. Newlines inside Text are kept. Strings
// longer than 255 bytes are cut; Text is cut at Config.MaxLine.
type Entry struct {
	Time     time.Time // zero when appended = now; nanoseconds, UTC when read
	Kind     Kind
	Level    string // TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or ""
	Request  ebb.InvocationID
	Version  string // qualifier of the version that ran, or ""
	Instance ebb.InstanceID
	Text     []byte // without its line end; only valid during the call it is passed to
}
