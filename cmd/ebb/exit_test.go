package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ebb-faas/ebb/internal/ebb"
	client "github.com/ebb-faas/ebb/sdk/go"
)

func TestExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code int
		text string
	}{
		"done":            {nil, exitDone, ""},
		"function":        {&functionError{"f", "KeyError", "'x'"}, exitFunction, "ebb: the function f failed: KeyError: 'x'\n"},
		"usage":           {usagef("--x: wrong"), exitUsage, "ebb: --x: wrong\n"},
		"manifest":        {ebb.Errorf(ebb.Invalid, ebb.TypeManifestInvalid, "ebb.yaml:1:1: bad"), exitUsage, "ebb: ebb.yaml:1:1: bad\n"},
		"in use":          {ebb.Errorf(ebb.Conflict, ebb.TypeDataDirectoryInUse, "d is in use"), exitPlatform, "ebb: d is in use\n"},
		"not found":       {&named{"f", &client.Error{Status: 404, Type: "ResourceNotFoundException", Message: "m"}}, exitUsage, "ebb: f: ResourceNotFoundException: m\nlist what is there with: ebb ls\n"},
		"refused":         {&client.Error{Status: 403, Type: "X", Message: "m"}, exitUsage, "ebb: X: m\nthe credentials were refused; take those of the data directory: eval \"$(ebb env --data DIR)\"\n"},
		"throttled":       {&client.Error{Status: 429, Type: "X", Message: "m", RetryAfter: 2e9}, exitPlatform, "ebb: X: m\ntry again in 2s\n"},
		"broken":          {&client.Error{Status: 500, Type: "X", Message: "m", RequestID: "r"}, exitPlatform, "ebb: X: m\nthe server's log tells more about request r\n"},
		"of the SDK":      {&smithy.OperationError{Err: &smithy.GenericAPIError{Code: "C", Message: "m"}}, exitPlatform, "ebb: C: m\n"},
		"not running":     {&client.NotRunningError{Dir: "d"}, exitPlatform, "ebb: no server is running on d\nis ebb serve running? start it with: ebb serve --data d\n"},
		"unreachable":     {fmt.Errorf("x: %w", &smithyhttp.RequestSendError{Err: errors.New("refused")}), exitPlatform, "ebb: no answer from : refused\nis ebb serve running? start it with: ebb serve --data DIR\n"},
		"interrupted":     {fmt.Errorf("x: %w", context.Canceled), exitPlatform, "ebb: interrupted\n"},
		"something local": {errors.New("disk full"), exitPlatform, "ebb: disk full\n"},
	} {
		var errs bytes.Buffer
		a := &app{errs: &errs, started: true}
		if code := a.finish(c.err); code != c.code || errs.String() != c.text {
			t.Errorf("%s: %d, %q", name, code, errs.String())
		}
	}
	// Before a verb begins, whatever is wrong is the call.
	var errs bytes.Buffer
	a := &app{errs: &errs}
	if code := a.finish(errors.New("unknown flag")); code != exitUsage || !strings.Contains(errs.String(), "see: ebb --help") {
		t.Errorf("%d, %q", code, errs.String())
	}
}
