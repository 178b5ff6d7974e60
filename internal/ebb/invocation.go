package ebb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"time"
)

// Invocation is one request to run a function.
type Invocation struct {
	ID InvocationID
	FunctionKey
	Qualifier     string    // "" = $LATEST
	Payload       []byte    // never decoded on the way; read-only
	ClientContext []byte    // JSON, or nil
	TraceID       string    // X-Amzn-Trace-Id, or ""; the door counts the run in it and begins one where there is none
	Patience      time.Time // admission deadline: how long the caller waits for an instance; zero = invoke's default
	HTTP          *Exchange // instead of Payload, and only for web functions; nil = Payload
	Egress        Egress    // targets to open for this invocation alone; see EnvInvocationEgress
	Tail          bool      // keep the last 4 KiB of this invocation's log for the Result
	Tenant        string    // on whose behalf; only and always of versions with PerTenant
	// Version is what Qualifier was resolved to already, if whoever asks had to know.
	// nil = not yet. A version that is no more, or no longer meant, is not run.
	Version *Version
	Stop    context.Context // when it ends, so does the run, and its instance; nil = the run goes to its end
}

// Head is what is known when the answer begins.
type Head struct {
	ContentType   string // "" = application/json
	FunctionError string // "" or FunctionErrorUnhandled: the body is an error document
	Streaming     bool   // the body comes in chunks as the function writes it
}

// Sink receives an invocation's answer: Head once, then the body in one or more
// Writes. The bytes given to Write are only valid during the call. An error
// from either stops the answer; the function runs on.
type Sink interface {
	Head(Head) error
	io.Writer
}

// FunctionErrorUnhandled is the value of Head.FunctionError when the function
// raised, crashed, ran out of time or memory.
const FunctionErrorUnhandled = "Unhandled"

// Types of failure that ebb itself gives to functions' errors (the errorType in
// the error document). Handlers add their own.
const (
	ErrorTimeout             = "Sandbox.Timedout"
	ErrorStopped             = "Sandbox.Stopped" // Invocation.Stop ended
	ErrorExit                = "Runtime.ExitError"
	ErrorOutOfMemory         = "Runtime.OutOfMemory"
	ErrorInvalidEntrypoint   = "Runtime.InvalidEntrypoint"
	ErrorImportModule        = "Runtime.ImportModuleError"
	ErrorHandlerNotFound     = "Runtime.HandlerNotFound"
	ErrorMalformedHandler    = "Runtime.MalformedHandlerName"
	ErrorInitTimeout         = "Runtime.InitTimeout"
	ErrorMarshal             = "Runtime.MarshalError"
	ErrorUserCodeSyntax      = "Runtime.UserCodeSyntaxError"
	ErrorProtocol            = "Runtime.ProtocolError"
	ErrorUnknown             = "Runtime.Unknown"
	ErrorSecret              = "Runtime.SecretUnavailable" // the environment refers to a secret that is not there
	ErrorResponseSize        = "Function.ResponseSizeTooLarge"
	ErrorExtensionCrash      = "Extension.Crash"
	ErrorExtensionInit       = "Extension.InitTimeout"
	ErrorStatus              = "Runtime.ErrorStatus" // a web function answered an event with 400 or above
	ErrorResponseInterrupted = "Runtime.TruncatedResponse"
)

// Result is what an invocation came to, after its answer went to the Sink.
type Result struct {
	Version       string // the version that ran, as a qualifier
	FunctionError string // "" or FunctionErrorUnhandled
	ErrorType     string // errorType of the error document, "" without one
	// LateError is the error document of a streaming answer that failed after
	// its head was sent; nil otherwise.
	LateError []byte
	LogTail   []byte // with Invocation.Tail: the last 4 KiB, START to REPORT
	Phases    Phases
}

// Phases is where an invocation's time went. Box, Specialise and Init are zero
// unless this invocation waited for a cold start.
type Phases struct {
	Queue      time.Duration // waiting for an instance to be free or allowed
	Box        time.Duration // making the box: namespaces, limits, mounts
	Specialise time.Duration // giving it code and identity
	Init       time.Duration // runtime start and the function's own initialisation
	Thaw       time.Duration // letting a frozen instance go on
	Invoke     time.Duration // hand-over to the end of the answer
}

// Cold reports whether the invocation waited for a cold start.
func (p Phases) Cold() bool { return p.Init > 0 }

// InvocationPrefix begins the ids of all invocations that the tasks of an
// execution make, or those of the children of a map run: so its functions' lines
// are found. arn is that of the execution or of the map run. It is the first
// eighteen characters of a UUID of version 8.
func InvocationPrefix(arn string) string {
	digest := sha256.Sum256([]byte(arn))
	text := hex.EncodeToString(digest[:])
	return text[:8] + "-" + text[8:12] + "-8" + text[12:15]
}
