// Command image is the function in the images of the tests: it tells what it
// finds around itself.
package main

import (
	"bytes"
	"context"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
)

type request struct {
	Read  []string // files
	Glob  string
	Write []string // files
	Exit  bool
	Take  int // megabytes
}

type report struct {
	Args  []string
	Dir   string
	User  string
	UID   int
	GID   int
	Env   map[string]string
	Files map[string]string
	Glob  []string
	Wrote []string
}

func handle(_ context.Context, r request) (*report, error) {
	if r.Exit {
		os.Exit(3)
	}
	taken := bytes.Repeat([]byte("x"), r.Take<<20)
	defer runtime.KeepAlive(taken)
	out := &report{Args: os.Args, UID: os.Getuid(), GID: os.Getgid(), Env: map[string]string{}, Files: map[string]string{}}
	var err error
	if out.Dir, err = os.Getwd(); err != nil {
		return nil, err
	}
	if u, err := user.Current(); err == nil {
		out.User = u.Username
	}
	for _, kv := range os.Environ() {
		key, value, _ := strings.Cut(kv, "=")
		out.Env[key] = value
	}
	for _, path := range r.Read {
		text, err := os.ReadFile(path)
		if err != nil {
			text = []byte("error: " + err.Error())
		}
		out.Files[path] = string(text)
	}
	if r.Glob != "" {
		if out.Glob, err = filepath.Glob(r.Glob); err != nil {
			return nil, err
		}
	}
	for _, path := range r.Write {
		if os.WriteFile(path, []byte("x"), 0o600) == nil {
			out.Wrote = append(out.Wrote, path)
		}
	}
	return out, nil
}

func main() { lambda.Start(handle) }
