package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// What a destination did not take in time is listed, and redriven from the
// command line once the destination is well again.
func TestRedriveDeliveriesFromTheCommandLine(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	taken := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !well.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		taken <- string(body)
	}))
	t.Cleanup(srv.Close)
	p := startAsync(t, "http://127.0.0.1:1", "  destinationAge: 300ms")
	f := python(moody)
	f.Name = "moody"
	must(t, p.Create(t.Context(), f))
	_, err := p.Lambda().PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{FunctionName: &f.Name,
		DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: aws.String("arn:aws:http:::" + srv.URL + "/hook")}}})
	must(t, err)
	id := sendEvent(t, p, f.Name, `{"n":1}`)
	cli := func(args ...string) string {
		t.Helper()
		out, errs, code, err := p.CLI(t.Context(), append([]string{"delivery"}, args...)...)
		if err != nil || code != 0 {
			t.Fatalf("ebb delivery %s: exit %d, %v\n%s%s", strings.Join(args, " "), code, err, out, errs)
		}
		return out
	}
	var failed []client.Delivery
	holds(t, "the delivery is given up", func() bool {
		failed = decode[[]client.Delivery](t, cli("ls", "--state", "Failed", "--function", f.Name, "-o", "json"))
		return len(failed) == 1
	})
	if d := failed[0]; d.Request != id || d.Function != f.Name || !strings.Contains(d.Reason, "503") || d.Ended == nil {
		t.Errorf("%+v", d)
	}
	well.Store(true)
	if out := cli("redrive", "--all"); !strings.Contains(out, "1 deliveries are tried again") {
		t.Errorf("redrive: %s", out)
	}
	var record struct{ RequestContext struct{ RequestID string } }
	must(t, json.Unmarshal([]byte(<-taken), &record))
	if record.RequestContext.RequestID != id {
		t.Errorf("the destination has %+v", record)
	}
	holds(t, "it is no more", func() bool { return strings.TrimSpace(cli("ls", "-o", "json")) == "[]" })
}
