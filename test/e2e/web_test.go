package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/test/platform"
)

// nodeServer is an HTTP server as people write them, and a few ways to go wrong.
const nodeServer = `
const http = require('http'), crypto = require('crypto');
let inside = 0, most = 0, id = crypto.randomUUID();
const routes = {
  '/echo': (req, res) => { let b = ''; req.on('data', (d) => b += d); req.on('end', () => res.end(JSON.stringify(
      { method: req.method, url: req.url, headers: req.headers, body: b, instance: id }))); },
  '/digest': (req, res) => { const h = crypto.createHash('sha256'); let n = 0;
      req.on('data', (d) => { h.update(d); n += d.length; }); req.on('end', () => res.end(n + ' ' + h.digest('hex'))); },
  '/back': (req, res) => req.pipe(res),
  '/zeros': (req, res) => { let left = 160; const buf = Buffer.alloc(65536);
      const more = () => { while (left-- > 0) if (!res.write(buf)) return res.once('drain', more); res.end(); }; more(); },
  '/sse': (req, res) => { res.writeHead(200, { 'content-type': 'text/event-stream' }); let n = 0;
      const t = setInterval(() => { res.write('data: ' + (n++) + '\n\n'); if (n === 5) { clearInterval(t); res.end(); } }, 50);
      res.on('close', () => { clearInterval(t); console.log('sse closed after ' + n); }); },
  '/forever': (req, res) => { res.writeHead(200, { 'content-type': 'text/event-stream' }); const t = setInterval(() => res.write('data: x\n\n'), 20);
      res.on('close', () => { clearInterval(t); console.log('forever closed'); }); },
  '/crowd': (req, res) => { most = Math.max(most, ++inside); setTimeout(() => { inside--; res.end(id + ' ' + most); }, 300); },
  '/crash': () => { console.log('about to crash'); process.exit(3); },
  '/hang': () => {},
  '/take': (req, res) => res.end(String(Buffer.alloc(Number(req.url.split('?')[1]) << 20, 1).length >> 20)),
  '/refuse': (req, res) => { res.writeHead(401, { connection: 'close' }); res.end('no'); },
  '/events': (req, res) => { let b = ''; req.on('data', (d) => b += d); req.on('end', () => {
      if (b.includes('fail')) { res.statusCode = 500; return res.end('cannot'); }
      res.setHeader('content-type', 'application/json'); res.end('{"event":' + b + '}'); }); },
};
const server = http.createServer((req, res) => {
  const r = routes[req.url.split('?')[0]];
  if (r) r(req, res); else { res.statusCode = 404; res.end('nothing here'); }
});
server.on('upgrade', (req, socket) => {
  const key = crypto.createHash('sha1').update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ' + key + '\r\n\r\n');
  socket.on('data', (d) => { // small masked text frames, echoed unmasked
    while (d.length >= 6) { const n = d[1] & 127, mask = d.subarray(2, 6), out = Buffer.alloc(n);
      for (let i = 0; i < n; i++) out[i] = d[6 + i] ^ mask[i & 3];
      socket.write(Buffer.concat([Buffer.from([d[0], n]), out])); d = d.subarray(6 + n); } });
  socket.on('end', () => socket.end());
  socket.on('close', () => console.log('socket closed'));
});
process.on('SIGTERM', () => { console.log('ending well'); process.exit(0); });
setTimeout(() => server.listen(process.env.PORT), Number(process.env.DELAY || 0));
`

// web is a web function on the host's Node.js.
func web(concurrency int, more ...string) platform.Function {
	f := platform.Function{Runtime: "nodejs", Handler: "node server.js", TimeoutS: 20, Files: map[string]string{"server.js": nodeServer},
		Env: map[string]string{"AWS_LWA_PORT": "8080", "EBB_INSTANCE_CONCURRENCY": fmt.Sprint(concurrency)}}
	for i := 0; i < len(more); i += 2 {
		f.Env[more[i]] = more[i+1]
	}
	return f
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	return do(t, request(t, "GET", url, ""))
}

// logged waits for a line in a function's log.
func logged(t *testing.T, function, text string) {
	t.Helper()
	eventually(t, func() error {
		all := strings.Join(texts(read(t, shared, function)), "\n")
		if !strings.Contains(all, text) {
			return fmt.Errorf("the log does not say %q: %s", text, all)
		}
		return nil
	})
}

func TestWebRequests(t *testing.T) {
	t.Parallel()
	fn := deploy(t, web(1))
	u := open(t, fn)
	res, body := do(t, request(t, "PATCH", u+"echo?a=%20b&c", "hello ß", "X-Mine", "1", "Cookie", "a=b", "Authorization", "Basic eA=="))
	got := decode[struct {
		Method, URL, Body string
		Headers           map[string]string
	}](t, body)
	if res.StatusCode != 200 || got.Method != "PATCH" || got.URL != "/echo?a=%20b&c" || got.Body != "hello ß" {
		t.Errorf("%s %s", res.Status, body)
	}
	address, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"host": address.Host, "x-mine": "1", "cookie": "a=b", "authorization": "Basic eA==",
		"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-port": address.Port(), "x-forwarded-host": address.Host,
		"x-amzn-request-id": res.Header.Get("X-Amzn-Requestid"), "x-amzn-trace-id": res.Header.Get("X-Amzn-Trace-Id")} {
		have, _, _ := strings.Cut(got.Headers[name], ";Lineage=") // what ebb adds to a trace for itself
		if have != want {
			t.Errorf("header %s is %q, want %q", name, have, want)
		}
	}
	about := decode[struct {
		RequestID string `json:"request_id"`
		Deadline  int64
		ARN       string `json:"invoked_function_arn"`
		Env       struct {
			Name string `json:"function_name"`
		} `json:"env_config"`
	}](t, got.Headers["x-amzn-lambda-context"])
	if left := time.Until(time.UnixMilli(about.Deadline)); about.RequestID != got.Headers["x-amzn-request-id"] || about.Env.Name != fn ||
		!strings.HasSuffix(about.ARN, ":function:"+fn) || left > 20*time.Second || left < 0 {
		t.Errorf("%+v", about)
	}
	if res, body := get(t, u+"nowhere"); res.StatusCode != 404 || body != "nothing here" {
		t.Errorf("%s %q", res.Status, body)
	}
	if res, body := do(t, request(t, "HEAD", u+"echo", "")); res.StatusCode != 200 || body != "" {
		t.Errorf("%s %q", res.Status, body)
	}
	for _, line := range []string{"START RequestId: " + about.RequestID, "REPORT RequestId: " + about.RequestID, "Init Duration"} {
		logged(t, fn, line)
	}
}

// TestWebLargeBodies: far beyond the limits of events, both ways and at once.
func TestWebLargeBodies(t *testing.T) {
	t.Parallel()
	u := open(t, deploy(t, web(4)))
	large := make([]byte, 20<<20)
	_, _ = rand.Read(large)
	res, body := do(t, request(t, "PUT", u+"digest", string(large)))
	if want := sha256.Sum256(large); res.StatusCode != 200 || body != fmt.Sprintf("%d %x", len(large), want) {
		t.Errorf("%s %s", res.Status, body)
	}
	if res, body := get(t, u+"zeros"); res.StatusCode != 200 || len(body) != 160<<16 {
		t.Errorf("%s, %d bytes", res.Status, len(body))
	}
	// Each piece comes back before the next is sent: nothing waits for the end.
	read, write := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", u+"back", read)
	if err != nil {
		t.Fatal(err)
	}
	piece := large[:64<<10]
	go func() { _, _ = write.Write(piece) }()
	res, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	for i := range 10 {
		got := make([]byte, len(piece))
		if _, err := io.ReadFull(res.Body, got); err != nil || !bytes.Equal(got, piece) {
			t.Fatalf("piece %d: %v", i, err)
		}
		if i < 9 {
			go func() { _, _ = write.Write(piece) }()
		}
	}
	_ = write.Close()
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
}

func TestWebEventStream(t *testing.T) {
	t.Parallel()
	fn := deploy(t, web(4))
	u := open(t, fn)
	res, err := http.DefaultClient.Do(request(t, "GET", u+"sse", ""))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(res.Body)
	var at []time.Time
	for n := 0; lines.Scan(); {
		if lines.Text() != "" {
			if want := fmt.Sprintf("data: %d", n); lines.Text() != want {
				t.Errorf("%q, want %q", lines.Text(), want)
			}
			at = append(at, time.Now())
			n++
		}
	}
	_ = res.Body.Close()
	if len(at) != 5 || at[4].Sub(at[0]) < 100*time.Millisecond || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d events, %v", len(at), res.Header)
	}
	// Who leaves is noticed by the function.
	ctx, leave := context.WithCancel(t.Context())
	res, err = http.DefaultClient.Do(request(t, "GET", u+"forever", "").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 20)); err != nil {
		t.Error(err)
	}
	leave()
	_ = res.Body.Close()
	logged(t, fn, "forever closed")
	if res, _ := get(t, u+"nowhere"); res.StatusCode != 404 {
		t.Errorf("afterwards: %s", res.Status)
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	fn := deploy(t, web(4))
	u, err := url.Parse(open(t, fn))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(limit))
	key := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef"))
	_, _ = fmt.Fprintf(conn, "GET %schat HTTP/1.1\r\nHost: %s\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", u.Path, u.Host, key)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see the import
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-Websocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) ||
		res.Header.Get("X-Amzn-Requestid") == "" {
		t.Fatalf("%s %v", res.Status, res.Header)
	}
	for i := range 20 {
		text := fmt.Sprintf("message %d", i)
		frame := append([]byte{0x81, 0x80 | byte(len(text))}, binary.BigEndian.AppendUint32(nil, 0x01020304)...)
		for j := range len(text) {
			frame = append(frame, text[j]^byte(j&3+1))
		}
		if _, err := conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 2+len(text))
		if _, err := io.ReadFull(r, got); err != nil || string(got[2:]) != text {
			t.Fatalf("%q %v", got, err)
		}
	}
	_ = conn.Close()
	logged(t, fn, "socket closed")
}

// TestWebConcurrency: one instance serves 32 at once, as many as it was asked to.
func TestWebConcurrency(t *testing.T) {
	t.Parallel()
	u := open(t, deploy(t, web(32)))
	if res, body := get(t, u+"crowd"); res.StatusCode != 200 {
		t.Fatalf("%s %s", res.Status, body)
	}
	var mu sync.Mutex
	instances, most := map[string]bool{}, 0
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			_, body := get(t, u+"crowd")
			id, n, _ := strings.Cut(body, " ")
			mu.Lock()
			defer mu.Unlock()
			instances[id] = true
			var count int
			_, _ = fmt.Sscan(n, &count)
			most = max(most, count)
		})
	}
	all.Wait()
	if len(instances) != 1 || most < 16 { // a busy machine may not bring all 32 together
		t.Errorf("%d instances, at most %d at once", len(instances), most)
	}
}

func TestWebSlowStart(t *testing.T) {
	t.Parallel()
	u := open(t, deploy(t, web(1, "DELAY", "2000")))
	begin := time.Now()
	if res, body := get(t, u+"nowhere"); res.StatusCode != 404 || time.Since(begin) < 2*time.Second {
		t.Errorf("%s %s after %v", res.Status, body, time.Since(begin))
	}
}

// TestWebFailures: what goes wrong in a server, and that the next request does not.
func TestWebFailures(t *testing.T) {
	t.Parallel()
	f := web(1)
	f.TimeoutS = 5
	fn := deploy(t, f)
	u := open(t, fn)
	for _, c := range []struct{ path, line string }{
		{"crash", "exit status 3"},
		{"hang", "Task timed out after 5.00 seconds"},
	} {
		res, body := get(t, u+c.path)
		if res.StatusCode != http.StatusBadGateway || body != `{"Message":"Internal Server Error"}` {
			t.Errorf("%s: %s %s", c.path, res.Status, body)
		}
		logged(t, fn, c.line)
		if res, _ := get(t, u+"nowhere"); res.StatusCode != 404 {
			t.Errorf("after %s: %s", c.path, res.Status)
		}
	}
	// A stream is cut at the timeout, and the instance stays.
	before := decode[struct{ Instance string }](t, second(get(t, u+"echo")))
	res, err := http.DefaultClient.Do(request(t, "GET", u+"forever", ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("a stream that was cut ends well")
	}
	_ = res.Body.Close()
	if after := decode[struct{ Instance string }](t, second(get(t, u+"echo"))); after != before {
		t.Errorf("instance %s became %s", before.Instance, after.Instance)
	}
	// A server that answers before it has read all.
	if res, body := do(t, request(t, "POST", u+"refuse", strings.Repeat("x", 100<<10))); res.StatusCode != 401 || body != "no" {
		t.Errorf("%s %s", res.Status, body)
	}
	// What it has not read is nobody's next request.
	at, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(limit))
	_, err = fmt.Fprintf(conn, "POST %srefuse HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\nGET %[1]secho HTTP/1.1\r\nHost: x\r\n\r\n", at.Path)
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if text := string(said); !strings.HasPrefix(text, "HTTP/1.1 401 ") || strings.Count(text, "HTTP/1.1") != 1 || !strings.Contains(text, "\r\nConnection: close\r\n") {
		t.Errorf("%v: %s", err, text)
	}
}

func second(_ *http.Response, body string) string { return body }

// TestWebNeverListens: no port, no instance.
func TestWebNeverListens(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "--config", within(t, "ebb-config.yaml", "pool:\n  initTimeout: 2s\n"))
	for handler, want := range map[string]string{
		"sleep 1000":   "nothing listens on port 8080",
		"no-such-tool": "exit status 127",
		"false":        "exit status 1",
	} {
		f := platform.Function{Name: strings.Fields(handler)[0], Runtime: "provided", Handler: handler, Files: map[string]string{"x": ""},
			Env: map[string]string{"AWS_LWA_PORT": "8080"}}
		if err := p.Create(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		answer, failed, err := p.Invoke(t.Context(), f.Name, "{}")
		if err != nil || failed != "Unhandled" || !strings.Contains(answer, want) {
			t.Errorf("%s: %s %s %v", handler, answer, failed, err)
		}
	}
	astray(t, p)
	// A server that nobody said to be one is told what it lacks.
	unsaid := platform.Function{Name: "unsaid", Runtime: "provided", Handler: "x", Files: map[string]string{"bootstrap": "#!/bin/sh\nexec sleep 1000\n"}}
	must(t, p.Create(t.Context(), unsaid))
	answer, failed, err := p.Invoke(t.Context(), "unsaid", "{}")
	if err != nil || failed != "Unhandled" || !strings.Contains(answer, "nothing has asked the Runtime API for work (an HTTP server needs AWS_LWA_PORT)") {
		t.Errorf("%s %s %v", answer, failed, err)
	}
}

// astray: a server that listens elsewhere is told where it does.
func astray(t *testing.T, p *platform.Platform) {
	t.Helper()
	if os.Geteuid() != 0 || platform.User() != 0 || runtime.GOOS != "linux" {
		return // nothing of the kind is known of a process among the host's
	}
	f := platform.Function{Name: "astray", Runtime: "provided", Handler: "env PORT=3000 ./server", TimeoutS: 10,
		Files: map[string]string{"server": compiled(t, "./test/e2e/testdata/webserver")}, Env: map[string]string{"AWS_LWA_PORT": "8080"}}
	must(t, p.Create(t.Context(), f))
	eventually(t, func() error { // a busy machine may not have it listen in time
		answer, failed, err := p.Invoke(t.Context(), "astray", "{}")
		if err != nil || failed != "Unhandled" {
			t.Fatalf("%s %s %v", answer, failed, err)
		}
		if !strings.Contains(answer, "nothing listens on port 8080 of 127.0.0.1 or ::1, but on [::]:3000 (PORT and AWS_LWA_PORT say") {
			return errors.New(answer)
		}
		return nil
	})
}

// TestWebEvents: a web function is a function like any other.
func TestWebEvents(t *testing.T) {
	t.Parallel()
	fn := deploy(t, web(4))
	if got := invoke(t, shared, fn, `{"a":1}`); got != `{"event":{"a":1}}` {
		t.Errorf("%s", got)
	}
	out, err := shared.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &fn, Payload: []byte(`"fail"`), LogType: types.LogTypeTail})
	if err != nil || aws.ToString(out.FunctionError) != "Unhandled" || !strings.Contains(string(out.Payload), "POST /events: 500 Internal Server Error: cannot") {
		t.Errorf("%s %v", out.Payload, err)
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil || !strings.Contains(string(tail), "Error Type: Runtime.ErrorStatus") {
		t.Errorf("%s %v", tail, err)
	}
}

func TestWebPythonAndGo(t *testing.T) {
	t.Parallel()
	binary := compiled(t, "./test/e2e/testdata/webserver")
	env := map[string]string{"AWS_LWA_PORT": "8080"}
	for _, f := range []platform.Function{
		{Name: "web-python", Runtime: "python3", Handler: "python3 -m http.server $PORT --bind 127.0.0.1 --directory pages", TimeoutS: 20, Env: env,
			Files: map[string]string{"pages/index.html": "<h1>pages</h1>"}},
		{Name: "web-go", Runtime: "provided", TimeoutS: 20, Env: env,
			Files: map[string]string{"bootstrap": binary, "pages/index.html": "<h1>pages</h1>"}},
	} {
		u := open(t, deploy(t, f))
		for range 5 { // Python's closes the connection each time
			if res, body := get(t, u); res.StatusCode != 200 || body != "<h1>pages</h1>" || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
				t.Errorf("%s: %s %s", f.Name, res.Status, body)
			}
		}
		if res, _ := get(t, u+"missing"); res.StatusCode != 404 {
			t.Errorf("%s: %s", f.Name, res.Status)
		}
	}
}

// TestWebImage: an image may say itself that it is a web function.
func TestWebImage(t *testing.T) {
	t.Parallel()
	binary := compiled(t, "./test/e2e/testdata/webserver")
	files := layer(t, file{"srv/", "", 0o755, 0}, file{"srv/server", binary, 0o755, 0}, file{"srv/pages/", "", 0o755, 0}, file{"srv/pages/index.html", "in an image", 0, 0})
	for name, c := range map[string]struct{ image, function map[string]string }{
		"its own": {image: map[string]string{"AWS_LWA_PORT": "7000"}},
		"told":    {function: map[string]string{"AWS_LWA_PORT": "8080", "EBB_INSTANCE_CONCURRENCY": "8"}},
		"both":    {map[string]string{"AWS_LWA_PORT": "7000"}, map[string]string{"AWS_LWA_PORT": "7001"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := v1.Config{Entrypoint: []string{"./server"}, WorkingDir: "/srv"}
			for k, v := range c.image {
				cfg.Env = append(cfg.Env, k+"="+v)
			}
			u := open(t, deployImage(t, saved(t, buildImage(t, cfg, files)), nil, c.function))
			if res, body := get(t, u); res.StatusCode != 200 || body != "in an image" {
				t.Errorf("%s %s", res.Status, body)
			}
		})
	}
}

// TestWebExample: what ebb.yaml says, through the command line.
func TestWebExample(t *testing.T) {
	t.Parallel()
	_, errs, code, err := shared.CLI(t.Context(), "deploy", filepath.Join(hosttest.Root(), "examples", "hello-web"))
	if err != nil || code != 0 {
		t.Fatalf("deploy: %d %v %s", code, err, errs)
	}
	c, err := shared.Lambda().GetFunctionUrlConfig(t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: aws.String("hello-web")})
	if err != nil {
		t.Fatal(err)
	}
	u := aws.ToString(c.FunctionUrl)
	if res, body := get(t, u+"?name=Mei"); res.StatusCode != 200 || body != `{"message":"Hello, Mei, from a web server!"}` {
		t.Errorf("%s %s", res.Status, body)
	}
	if res, body := do(t, request(t, "GET", u+"?name=%3Cb%3E", "", "Accept", "text/html")); !strings.Contains(body, "Hello, &#60;b&#62;!") ||
		!strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%v %s", res.Header, body)
	}
	if got := invoke(t, shared, "hello-web", `{"name":"Li"}`); got != `{"message":"Hello, Li, from a web server!"}` {
		t.Error(got)
	}
}

// TestWebEndsWell: a server is asked to end before it is ended.
func TestWebEndsWell(t *testing.T) {
	t.Parallel()
	fn := deploy(t, web(1))
	u := open(t, fn)
	if res, _ := get(t, u+"nowhere"); res.StatusCode != 404 {
		t.Fatal(res.Status)
	}
	_, err := shared.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &fn, MemorySize: aws.Int32(256)})
	if err != nil {
		t.Fatal(err)
	}
	logged(t, fn, "ending well")
}

func TestWebRefusedSettings(t *testing.T) {
	t.Parallel()
	f := python("def handler(e, c): pass")
	f.Name, f.Env = name(t), map[string]string{"EBB_INSTANCE_CONCURRENCY": "1001"}
	err := shared.Create(t.Context(), f)
	var wrong *types.InvalidParameterValueException
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "from 1 to 1000") {
		t.Errorf("%v", err)
	}
}
