package e2e

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/coder/websocket"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// curl runs curl and returns what it printed, the status on a line of its own.
func curl(t *testing.T, args ...string) (body, status string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "-w", "\n%{http_code}"}, args...)...)
	out, errs, code, err := platform.Output(cmd)
	if err != nil || code != 0 {
		t.Fatalf("curl %v: exit %d, %v: %s%s", args, code, err, out, errs)
	}
	i := strings.LastIndexByte(out, '\n')
	return out[:i], out[i+1:]
}

// unroute deletes a trigger with the test.
func unroute(t *testing.T, names ...string) {
	t.Cleanup(func() {
		for _, n := range names {
			if err := shared.Client.DeleteTrigger(context.Background(), n); err != nil {
				t.Error(err)
			}
		}
	})
}

const echoEvent = "def handler(event, context):\n    return event\n"

// A route made on the command line calls a function: path parameters, API keys,
// signatures, conflicts, and what paused and deleted routes answer.
func TestRoute(t *testing.T) {
	t.Parallel()
	f := deploy(t, python(echoEvent))
	host, tr := "route.ebb.example", name(t)
	cli(t, shared, 0, "trigger", "http", tr, f, "--host", host, "--path", "/orders/{id}", "--method", "GET", "--auth", "none")
	unroute(t, tr)
	at := func(path string) []string { return []string{"-H", "Host: " + host, shared.Gateway + path} }
	body, status := curl(t, at("/orders/4711?a=b")...)
	var got struct {
		RouteKey       string
		PathParameters map[string]string
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != "200" || got.RouteKey != "GET /orders/{id}" || got.PathParameters["id"] != "4711" {
		t.Fatalf("%s %s", status, body)
	}
	if body, status := curl(t, append(at("/orders/1"), "-X", "POST")...); status != "405" {
		t.Errorf("another method: %s %s", status, body)
	}
	if body, status := curl(t, at("/other")...); status != "404" || !strings.Contains(body, "RouteNotFoundException") {
		t.Errorf("another path: %s %s", status, body)
	}
	said := cli(t, shared, 2, "trigger", "http", tr+"-2", f, "--host", host, "--path", "/orders/{other}", "--method", "GET", "--auth", "none")
	if !strings.Contains(said, "route of trigger "+tr) {
		t.Errorf("conflict: %s", said)
	}
	cli(t, shared, 2, "trigger", "http", tr+"-2", f, "--host", host, "--path", "/x")

	cli(t, shared, 0, "trigger", "http", tr, f, "--host", host, "--path", "/orders/{id}", "--auth", "key")
	if _, status := curl(t, at("/orders/1")...); status != "401" {
		t.Errorf("without a key: %s", status)
	}
	key := strings.Fields(cli(t, shared, 0, "api-key", "create", tr, "--trigger", tr))[0]
	if body, status := curl(t, append(at("/orders/1"), "-H", "X-Api-Key: "+key)...); status != "200" || strings.Contains(body, key) || !strings.Contains(body, `"name": "`+tr) {
		t.Errorf("with a key: %s %s", status, body)
	}
	cli(t, shared, 0, "api-key", "disable", tr)
	if _, status := curl(t, append(at("/orders/1"), "-H", "X-Api-Key: "+key)...); status != "401" {
		t.Errorf("with a disabled key: %s", status)
	}
	cli(t, shared, 0, "api-key", "rm", "-y", tr)

	cli(t, shared, 0, "trigger", "http", tr, f, "--host", host, "--path", "/orders/{id}", "--auth", "iam", "--payload-format", "2.0")
	c := shared.Client.Config()
	for _, service := range []string{"lambda", "execute-api"} {
		req := request(t, "POST", shared.Gateway+"/orders/1", `{"a":1}`)
		req.Host = host
		sum := sha256.Sum256([]byte(`{"a":1}`))
		must(t, signer.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey},
			req, hex.EncodeToString(sum[:]), service, c.Region, time.Now()))
		if res, body := do(t, req); res.StatusCode != 200 || !strings.Contains(body, `"iam"`) {
			t.Errorf("signed for %s: %s %s", service, res.Status, body)
		}
	}
	if body, status := curl(t, append(at("/orders/1"), "--aws-sigv4", "aws:amz:"+c.Region+":lambda", "-u", c.AccessKeyID+":"+c.SecretAccessKey)...); status != "200" {
		t.Errorf("curl's signature: %s %s", status, body)
	}
	if _, status := curl(t, at("/orders/1")...); status != "401" {
		t.Errorf("unsigned: %s", status)
	}
	cli(t, shared, 0, "trigger", "pause", tr)
	if _, status := curl(t, at("/orders/1")...); status != "404" {
		t.Errorf("paused: %s", status)
	}
	cli(t, shared, 0, "trigger", "resume", tr)
	cli(t, shared, 0, "trigger", "test", tr)
}

// A web function behind a route sees the path without its prefix, and may speak
// WebSocket; a stream arrives as it is written.
func TestRouteToWebFunction(t *testing.T) {
	t.Parallel()
	f, host := deploy(t, web(8)), "web.ebb.example"
	tr := name(t)
	cli(t, shared, 0, "trigger", "http", tr, f, "--host", host, "--path", "/shop/*", "--auth", "none", "--strip-prefix", "/shop", "--timeout", "15")
	unroute(t, tr)
	u, err := url.Parse(shared.Gateway)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+u.Host+"/shop/chat", &websocket.DialOptions{Host: host, CompressionMode: websocket.CompressionDisabled})
	must(t, err)
	for i := range 5 {
		text := fmt.Sprintf("message %d", i)
		must(t, conn.Write(ctx, websocket.MessageText, []byte(text)))
		kind, got, err := conn.Read(ctx)
		if err != nil || kind != websocket.MessageText || string(got) != text {
			t.Fatalf("%v %q %v", kind, got, err)
		}
	}
	_ = conn.CloseNow()
	// Server-sent events: the first one is here while the function has yet to write
	// the last.
	req := request(t, "GET", shared.Gateway+"/shop/sse", "")
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	var at []time.Time
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if lines.Text() == fmt.Sprintf("data: %d", len(at)) {
			at = append(at, time.Now())
		}
	}
	_ = res.Body.Close()
	if len(at) != 5 || at[4].Sub(at[0]) < 100*time.Millisecond || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("server-sent events: %d, %s %v", len(at), res.Status, res.Header)
	}
	if body, status := curl(t, "-H", "Host: "+host, shared.Gateway+"/shop/nowhere"); status != "404" || body != "nothing here" {
		t.Errorf("%s %s", status, body)
	}
}

// A route to an Express workflow answers with its output.
func TestRouteToWorkflow(t *testing.T) {
	t.Parallel()
	states := sfn.New(sfn.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(shared.API),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			c := shared.Client.Config()
			return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey}, nil
		}),
	})
	tr, host := name(t), "flow.ebb.example"
	made, err := states.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String(tr), RoleArn: aws.String("arn:aws:iam::000000000000:role/any"), Type: sfntypes.StateMachineTypeExpress,
		Definition: aws.String(`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","End":true,
			"Output":{"statusCode":201,"body":"{% $states.input.pathParameters.id & '!' %}"}}}}`),
	})
	must(t, err)
	cli(t, shared, 0, "trigger", "http", tr, aws.ToString(made.StateMachineArn), "--host", host, "--path", "/{id}", "--auth", "none")
	unroute(t, tr)
	if body, status := curl(t, "-H", "Host: "+host, shared.Gateway+"/7"); status != "201" || body != "7!" {
		t.Fatalf("%s %s", status, body)
	}
	_, err = states.DeleteStateMachine(t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: made.StateMachineArn})
	must(t, err)
}

// A route that one node makes is served by the other within a second.
func TestRoutesOnTwoNodes(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	a, b := n.start(0), n.start(1)
	f := saying("hello")
	f.Name = name(t)
	must(t, a.Create(t.Context(), f))
	ask := func() int {
		res, err := http.DefaultClient.Do(request(t, "GET", b.Gateway+"/hello", ""))
		must(t, err)
		_ = res.Body.Close()
		return res.StatusCode
	}
	until := func(what string, want int) {
		t.Helper()
		for began, asked := time.Now(), time.Now(); ask() != want; asked = time.Now() {
			if asked.Sub(began) > time.Second {
				t.Fatalf("%s: not seen by the other node within a second", what)
			}
		}
	}
	if got := ask(); got != 404 {
		t.Fatalf("before: %d", got)
	}
	settings := client.TriggerSettings{Target: f.Name, HTTP: json.RawMessage(`{"path":"/hello","auth":"key"}`)}
	_, err := a.Client.CreateTrigger(t.Context(), "hello", settings)
	must(t, err)
	until("made", 401)
	settings.HTTP = json.RawMessage(`{"path":"/hello","auth":"none"}`)
	_, err = a.Client.UpdateTrigger(t.Context(), "hello", settings, 0)
	must(t, err)
	await(t, "an answer of the function", func() bool { return ask() == 200 }) // its first start is not bounded
	settings.HTTP = json.RawMessage(`{"path":"/hello","auth":"key"}`)
	_, err = a.Client.UpdateTrigger(t.Context(), "hello", settings, 0)
	must(t, err)
	until("changed", 401)
	if _, err := b.Client.CreateTrigger(t.Context(), "other", settings); err == nil || !strings.Contains(err.Error(), "trigger hello") {
		t.Fatalf("a conflict with what the other node has made: %v", err)
	}
	must(t, a.Client.DeleteTrigger(t.Context(), "hello"))
	until("deleted", 404)
}

// issuer makes certificates for tests.
type issuer struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{t: t}
	cert, key := i.issue("test CA", nil, true)
	i.cert, i.key = cert, key
	return i
}

func (i *issuer) issue(cn string, names []string, ca bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(i.t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(i.t, err)
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: cn, Organization: []string{"Bank"}}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: ca, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, by := i.cert, i.key
	if parent == nil {
		parent, by = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), by)
	must(i.t, err)
	cert, err := x509.ParseCertificate(der)
	must(i.t, err)
	return cert, key
}

func pemOf(t *testing.T, cert *x509.Certificate, key *ecdsa.PrivateKey) (certPEM, keyPEM []byte) {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// write puts a certificate and its key into files, by renaming.
func (i *issuer) write(dir, file, cn string, names ...string) *x509.Certificate {
	i.t.Helper()
	cert, key := i.issue(cn, names, false)
	c, k := pemOf(i.t, cert, key)
	for name, text := range map[string][]byte{file + ".crt": c, file + ".key": k} {
		path := filepath.Join(dir, name)
		must(i.t, os.WriteFile(path+".new", text, 0o600))
		must(i.t, os.Rename(path+".new", path))
	}
	return cert
}

// The data plane's TLS: certificates by name, client certificates for a route,
// HTTP/2, files that change and break while requests run, and the access log.
func TestRouteTLS(t *testing.T) {
	t.Parallel()
	ca, dir := newIssuer(t), t.TempDir()
	caPEM, _ := pemOf(t, ca.cert, ca.key)
	must(t, os.WriteFile(filepath.Join(dir, "ca.pem"), caPEM, 0o600))
	first := ca.write(dir, "a", "a", "a.bank.example")
	ca.write(dir, "b", "b", "*.shop.example")
	config, access := filepath.Join(dir, "ebb.yaml"), filepath.Join(dir, "access.log")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `
tls:
  certificates:
    - {cert: %[1]s/a.crt, key: %[1]s/a.key}
    - {cert: %[1]s/b.crt, key: %[1]s/b.key}
  clientCA: %[1]s/ca.pem
  rescan: 50ms
http:
  bodyTimeout: 1s
  accessLog: {file: %[2]s}
`, dir, access), 0o600))
	p := start(t, place(t), "--config", config)
	if !strings.HasPrefix(p.Gateway, "https://") {
		t.Fatalf("gateway %s", p.Gateway)
	}
	must(t, p.Create(t.Context(), platform.Function{Name: "echo", Runtime: "python3", Handler: "app.handler", Files: map[string]string{"app.py": echoEvent}}))
	for trigger, settings := range map[string]string{
		"open": `{"host":"a.bank.example","path":"/open","auth":"none","maxBody":100}`,
		"cert": `{"host":"x.shop.example","path":"/cert","auth":"mtls","subjects":["CN=payments,O=Bank"]}`,
	} {
		_, err := p.Client.CreateTrigger(t.Context(), trigger, client.TriggerSettings{Target: "echo", HTTP: json.RawMessage(settings)})
		must(t, err)
	}
	at := strings.TrimPrefix(p.Gateway, "https://")
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	via := func(cfg *tls.Config) *http.Client {
		cfg.RootCAs = roots
		tr := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at)
		}}
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr, Timeout: limit}
	}
	ask := func(c *http.Client, url string) (*http.Response, string) {
		t.Helper()
		res, err := c.Get(url)
		must(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		must(t, err)
		return res, string(body)
	}
	plain := via(&tls.Config{})
	if res, body := ask(plain, "https://a.bank.example/open"); res.StatusCode != 200 || res.ProtoMajor != 2 || res.TLS.PeerCertificates[0].SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Fatalf("%s %s %s", res.Proto, res.Status, body)
	}
	if res, _ := ask(plain, "https://x.shop.example/cert"); res.StatusCode != 401 || res.TLS.PeerCertificates[0].Subject.CommonName != "b" {
		t.Errorf("without a certificate: %s", res.Status)
	}
	for cn, want := range map[string]int{"payments": 200, "loans": 403} {
		cert, key := ca.issue(cn, nil, false)
		c := via(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}})
		if res, body := ask(c, "https://x.shop.example/cert"); res.StatusCode != want || want == 200 && !strings.Contains(body, `"subjectDN": "CN=payments,O=Bank"`) {
			t.Errorf("%s: %s %s", cn, res.Status, body)
		}
	}
	stranger := newIssuer(t)
	cert, key := stranger.issue("payments", nil, false)
	forged := via(&tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}, nil
	}})
	if res, err := forged.Get("https://x.shop.example/cert"); err == nil {
		t.Errorf("a certificate of another authority: %s", res.Status)
		_ = res.Body.Close()
	}
	if conn, err := tls.Dial("tcp", at, &tls.Config{RootCAs: roots, ServerName: "a.bank.example", MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
		_ = conn.Close()
	}
	reloadUnderLoad(t, p, ca, dir, via, first)
	slowAndLarge(t, at, roots)
	for _, part := range []string{`"host":"a.bank.example"`, `"route":"ANY /open"`, `"status":200`, `"function":"echo"`, `"caller":"cert:CN=payments,O=Bank"`, `"status":403`} {
		eventually(t, func() error {
			if text, err := os.ReadFile(access); err != nil || !strings.Contains(string(text), part) {
				return fmt.Errorf("%s is not in the access log %s (%w)", part, text, err)
			}
			return nil
		})
	}
	text, err := os.ReadFile(access)
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("not JSON: %s", line)
		}
	}
}

// reloadUnderLoad changes a certificate while clients come with new connections,
// none of which may fail, then breaks it, which changes nothing.
func reloadUnderLoad(t *testing.T, p *platform.Platform, ca *issuer, dir string, via func(*tls.Config) *http.Client, before *x509.Certificate) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				c := via(&tls.Config{})
				res, err := c.Get("https://a.bank.example/open")
				if err != nil || res.StatusCode != 200 {
					t.Errorf("while certificates change: %v %v", res, err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				c.CloseIdleConnections()
			}
		})
	}
	serial := func() *big.Int {
		res, err := via(&tls.Config{}).Get("https://a.bank.example/open")
		must(t, err)
		_ = res.Body.Close()
		return res.TLS.PeerCertificates[0].SerialNumber
	}
	last := before
	for range 3 {
		last = ca.write(dir, "a", "a", "a.bank.example")
		eventually(t, func() error {
			if got := serial(); got.Cmp(last.SerialNumber) != 0 {
				return fmt.Errorf("serial %v, want %v", got, last.SerialNumber)
			}
			return nil
		})
	}
	must(t, os.WriteFile(filepath.Join(dir, "a.crt"), []byte("broken"), 0o600))
	eventually(t, func() error {
		if !strings.Contains(p.Log(), "changed certificates cannot be used") {
			return fmt.Errorf("the broken file is not in the log")
		}
		return nil
	})
	if serial().Cmp(last.SerialNumber) != 0 {
		t.Error("a broken file took a good certificate away")
	}
	stop()
	all.Wait()
}

// slowAndLarge has clients send heads and bodies byte by byte, and too much.
func slowAndLarge(t *testing.T, at string, roots *x509.CertPool) {
	t.Helper()
	const head = "POST /open HTTP/1.1\r\nHost: a.bank.example\r\n"
	for what, c := range map[string]struct{ send, want string }{
		"slow body":       {head + "Content-Length: 50\r\n\r\nx", "400 Bad Request"},
		"large body":      {head + "Content-Length: 101\r\n\r\n", "413 Request Entity Too Large"},
		"large unknown":   {head + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + strings.Repeat("x", 101) + "\r\n0\r\n\r\n", "413 Request Entity Too Large"},
		"large head":      {head + "X: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", "431 Request Header Fields Too Large"},
		"body that fits":  {head + "Content-Length: 3\r\n\r\nabc", "200 OK"},
		"another's path":  {"GET /open/../open HTTP/1.1\r\nHost: a.bank.example\r\n\r\n", "400 Bad Request"},
		"two hosts' path": {"GET /cert HTTP/1.1\r\nHost: a.bank.example\r\n\r\n", "404 Not Found"},
	} {
		conn, err := tls.Dial("tcp", at, &tls.Config{RootCAs: roots, ServerName: "a.bank.example"})
		must(t, err)
		_ = conn.SetDeadline(time.Now().Add(limit))
		_, _ = io.WriteString(conn, c.send)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, c.want) {
			t.Errorf("%s: %q %v, want %s", what, line, err, c.want)
		}
		_ = conn.Close()
	}
}
