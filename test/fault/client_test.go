package fault

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/test/platform"
)

// reluctant sends a request to a URL over a connection that takes in little, and
// reads nothing of the answer's body.
func reluctant(t *testing.T, address string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	tcp := conn.(*net.TCPConn)
	if err := tcp.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.RequestURI(), u.Host); err != nil {
		t.Fatal(err)
	}
	return tcp, bufio.NewReaderSize(conn, 16)
}

// streamed gives a function a URL that streams.
func streamed(t *testing.T, p *platform.Platform, function string) string {
	t.Helper()
	out, err := p.Lambda().CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{FunctionName: aws.String(function),
		AuthType: types.FunctionUrlAuthTypeNone, InvokeMode: types.InvokeModeResponseStream})
	if err := errors.Join(err, p.Publish(t.Context(), function)); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.FunctionUrl)
}

// TestSlowReaderOfAStream: a client that hardly reads is left, so that it does
// not hold its instance for ever.
func TestSlowReaderOfAStream(t *testing.T) {
	p := start(t, place(t), configured(t, "http: {stall: 2s}\n")...)
	f := node("f", `
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const part = Buffer.alloc(64 * 1024, 'x');
  for (let i = 0; i < 256; i++) {
    if (!stream.write(part)) await new Promise(r => stream.once('drain', r));
  }
  stream.end();
});`)
	f.TimeoutS = 3
	create(t, p, f)
	u := streamed(t, p, "f")
	conn, r := reluctant(t, u)
	if status, err := r.ReadString('\n'); err != nil || !strings.Contains(status, "200") {
		t.Fatalf("%q, %v", status, err)
	}
	state(t, p, "f", "busy")
	eventually(t, func() error {
		if _, err := r.ReadByte(); err != nil { // one byte at a time, a few each second
			return nil
		}
		all, err := p.Instances(t.Context(), "f")
		for _, in := range all {
			if in.State == "busy" {
				err = fmt.Errorf("held by its client: %+v", in)
			}
		}
		return err
	})
	_ = conn.Close()
	// Others are served as if nothing had been.
	res, err := http.Get(u)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if n, err := io.Copy(io.Discard, res.Body); err != nil || n != 256*64*1024 {
		t.Errorf("%d bytes, %v", n, err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestSlowReader: a whole answer does not hold the instance at all.
func TestSlowReader(t *testing.T) {
	p := start(t, place(t))
	create(t, p, python("f", "def handler(event, context):\n    return 'x' * (5 << 20)\n"))
	u, err := p.URL(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	conn, r := reluctant(t, u)
	if status, err := r.ReadString('\n'); err != nil || !strings.Contains(status, "200") {
		t.Fatalf("%q, %v", status, err)
	}
	state(t, p, "f", "idle")
	_ = conn.Close()
}

// TestClientLeaves: the function runs to its end, and its instance serves the
// next caller.
func TestClientLeaves(t *testing.T) {
	p := start(t, place(t))
	create(t, p, python("f", `
import time
def handler(event, context):
    if "body" in event or "sleep" in event:
        time.sleep(1)
    print("came to its end")
    return handler.count
handler.count = 1
`))
	u, err := p.URL(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	for _, leave := range []func(ctx context.Context) error{
		func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, u, strings.NewReader("x"))
			if err != nil {
				return err
			}
			res, err := http.DefaultClient.Do(req)
			if err == nil {
				_ = res.Body.Close()
			}
			return err
		},
		func(ctx context.Context) error {
			_, _, err := p.Invoke(ctx, "f", `{"sleep":1}`)
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- leave(ctx) }()
		before := state(t, p, "f", "busy")
		cancel()
		if err := <-left; err == nil {
			t.Error("the client did not leave")
		}
		after := state(t, p, "f", "idle")
		if after.ID != before.ID || after.Invocations != before.Invocations {
			t.Errorf("%+v became %+v", before, after)
		}
	}
	invoke(t, p, "f", "{}")
	out, _, code, err := p.CLI(t.Context(), "logs", "f")
	if err != nil || code != 0 || strings.Count(out, "came to its end") != 3 || strings.Count(out, "REPORT RequestId: ") != 3 {
		t.Errorf("exit %d, %v:\n%s", code, err, out)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestHalfARequest: a client that stops sending holds no instance.
func TestHalfARequest(t *testing.T) {
	p := start(t, place(t))
	create(t, p, python("f", "def handler(event, context):\n    return 1\n"))
	address, err := p.URL(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\nhalf", u.Path, u.Host); err != nil {
			t.Fatal(err)
		}
	}
	invoke(t, p, "f", "{}")
	if all, err := p.Instances(t.Context(), "f"); err != nil || len(all) != 1 || all[0].Invocations != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}
