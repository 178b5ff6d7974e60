// Command bootstrap holds the functions of the runtime contract suite, one per
// behaviour, as a custom runtime: aws-lambda-go, unchanged.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// CustomError is what the error behaviours return.
type CustomError struct{ message string }

func (e *CustomError) Error() string { return e.message }

func main() {
	handlers := map[string]any{
		"echo": func(event any) (any, error) { return event, nil },
		"counter": func() func() (int, error) {
			count := 0
			return func() (int, error) { count++; return count, nil }
		}(),
		"context":     describe,
		"environment": environment,
		"error":       func() error { return &CustomError{"it broke: ü"} },
		"crash":       func() error { fmt.Println("before the crash"); os.Exit(3); return nil },
		"exit":        func() error { fmt.Println("before the exit"); os.Exit(1); return nil },
		"big":         func(n int) (string, error) { return strings.Repeat("x", n), nil },
		"lines": func(n int) error {
			for i := range n {
				fmt.Println("line", i)
			}
			return nil
		},
		"no_newline": func() error { fmt.Print("one\ntwo"); return nil },
		"binary":     func() error { _, err := os.Stdout.Write([]byte("\xff\x00\xfe\n")); return err },
		"child":      child,
		"sleep": func() error {
			fmt.Println("going to sleep")
			time.Sleep(time.Minute)
			return nil
		},
		"files":             files,
		"stream":            func() (io.Reader, error) { return &slow{pieces: []string{"one ", "two"}}, nil },
		"stream_late_error": func() (io.Reader, error) { return &slow{pieces: []string{"part"}, err: &CustomError{"too late"}}, nil },
	}
	lambda.Start(handlers[os.Getenv("_HANDLER")])
}

func describe(ctx context.Context) (map[string]any, error) {
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return nil, errors.New("no context")
	}
	deadline, _ := ctx.Deadline()
	trace, _ := ctx.Value("x-amzn-trace-id").(string)
	var custom any
	if lc.ClientContext.Custom != nil {
		custom = lc.ClientContext.Custom
	}
	return map[string]any{
		"requestId": lc.AwsRequestID,
		"arn":       lc.InvokedFunctionArn,
		"name":      lambdacontext.FunctionName,
		"version":   lambdacontext.FunctionVersion,
		"memory":    lambdacontext.MemoryLimitInMB,
		"group":     lambdacontext.LogGroupName,
		"stream":    lambdacontext.LogStreamName,
		"remaining": time.Until(deadline).Milliseconds(),
		"trace":     trace,
		"custom":    custom,
	}, nil
}

func environment() (map[string]string, error) {
	env := make(map[string]string)
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	return env, nil
}

func child() (int, error) {
	cmd := exec.Command("sh", "-c", "echo from the child; exit 5")
	cmd.Stdout = os.Stdout
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, nil
}

func files() (map[string]any, error) {
	root := os.Getenv("LAMBDA_TASK_ROOT")
	code := "read-only"
	if os.WriteFile(filepath.Join(root, "written"), nil, 0o600) == nil {
		code = "writable"
	}
	if err := os.WriteFile("/tmp/x", []byte("y"), 0o600); err != nil {
		return nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	root, err = filepath.EvalSymlinks(root)
	return map[string]any{"code": code, "cwd": dir == root}, errors.Join(err, os.Remove("/tmp/x"))
}

// slow is a streamed answer that comes in pieces.
type slow struct {
	pieces []string
	err    error
}

func (s *slow) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		return 0, io.EOF
	}
	time.Sleep(20 * time.Millisecond)
	n := copy(p, s.pieces[0])
	s.pieces = s.pieces[1:]
	return n, nil
}

func (s *slow) ContentType() string { return "text/plain" }
