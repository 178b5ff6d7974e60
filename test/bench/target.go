package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/test/platform"
)

// target is one server that a group of measurements loads.
type target struct {
	name    string
	pid     int                     // root of the process tree whose CPU counts
	request func() (request, error) // made anew for every round: signatures age
}

// payload is the body that every target echoes: 100 bytes of text.
var payload = []byte(strings.Repeat("0123456789", 10))

// post is a plain POST of the payload.
func post(rawURL string) func() (request, error) {
	return func() (request, error) {
		u, err := url.Parse(rawURL)
		if err != nil {
			return request{}, err
		}
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n",
			u.RequestURI(), u.Host, len(payload))
		return request{address: u.Host, bytes: append([]byte(head), payload...), want: payload}, nil
	}
}

// invokeAPI is an Invoke through the Lambda API, signed like an SDK's.
func invokeAPI(p *platform.Platform, function string) func() (request, error) {
	return invokeWith(p, function, fmt.Appendf(nil, `{"body":%q}`, payload))
}

// invokeWith is invokeAPI with an event of its own.
func invokeWith(p *platform.Platform, function string, body []byte) func() (request, error) {
	return func() (request, error) {
		r, err := http.NewRequest(http.MethodPost, p.API+"/2015-03-31/functions/"+function+"/invocations", bytes.NewReader(body))
		if err != nil {
			return request{}, err
		}
		c := p.Client.Config()
		sum := sha256.Sum256(body)
		err = v4.NewSigner().SignHTTP(context.Background(),
			aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey},
			r, hex.EncodeToString(sum[:]), "lambda", c.Region, time.Now())
		if err != nil {
			return request{}, err
		}
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			return request{}, err
		}
		return request{address: r.URL.Host, bytes: b.Bytes(), want: payload}, nil
	}
}

// peer is another process of this run: a plain server or the front.
type peer struct {
	cmd     *exec.Cmd
	address string
}

// startPeer runs a program that prints its address as its first line.
func startPeer(name string, args ...string) (*peer, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	p := &peer{cmd: cmd, address: strings.TrimSpace(line)}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func (p *peer) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *peer) target(name string) target {
	return target{name: name, pid: p.cmd.Process.Pid, request: post("http://" + p.address + "/")}
}

// The functions measured, all of them the same echo.
const (
	nodeEcho = `exports.handler = async (event) => ({ statusCode: 200, body: event.body });
`
	pythonEcho = `def handler(event, context):
    return {"statusCode": 200, "body": event["body"]}
`
	pythonAsync = `async def handler(event, context):
    return {"statusCode": 200, "body": event["body"]}
`
	// webNode is plainNode as a web function.
	webNode = `const http = require('http');
http.createServer((req, res) => {
  let body = '';
  req.setEncoding('utf8');
  req.on('data', (piece) => { body += piece; });
  req.on('end', () => { res.writeHead(200, { 'content-type': 'text/plain' }); res.end(body); });
}).listen(process.env.PORT);
`
	javaEcho = `import com.amazonaws.services.lambda.runtime.*;
import java.util.*;
public class Echo implements RequestHandler<Map<String, Object>, Map<String, Object>> {
  public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
    Map<String, Object> answer = new HashMap<>();
    answer.put("statusCode", 200);
    answer.put("body", event.get("body"));
    return answer;
  }
}
class Bare { public static void main(String[] args) { System.out.print("x"); } }
`
	plainNode = `const http = require('http');
const server = http.createServer((req, res) => {
  let body = '';
  req.setEncoding('utf8');
  req.on('data', (piece) => { body += piece; });
  req.on('end', () => { res.writeHead(200, { 'content-type': 'text/plain' }); res.end(body); });
});
server.keepAliveTimeout = 600000;
server.listen(0, '127.0.0.1', () => console.log('127.0.0.1:' + server.address().port));
`
)

// functions builds the packages of the echo functions.
func functions(dir string, memory int32) ([]platform.Function, error) {
	bootstrap := filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bootstrap, "./test/bench/echo")
	build.Dir, build.Stderr = hosttest.Root(), os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building the Go echo: %w", err)
	}
	binary, err := os.ReadFile(bootstrap)
	if err != nil {
		return nil, err
	}
	fs := []platform.Function{
		{Name: "node", Runtime: "nodejs", Handler: "index.handler", Files: map[string]string{"index.js": nodeEcho}},
		{Name: "python", Runtime: "python3", Handler: "app.handler", Files: map[string]string{"app.py": pythonEcho}},
		{Name: "go", Runtime: "provided", Handler: "bootstrap", Files: map[string]string{"bootstrap": string(binary)}},
	}
	fs = append(fs, platform.Function{Name: "web", Runtime: "nodejs", Handler: "node server.js", Files: map[string]string{"server.js": webNode},
		Env: map[string]string{"AWS_LWA_PORT": "8080", "EBB_INSTANCE_CONCURRENCY": "32"}})
	many := map[string]string{"EBB_INSTANCE_CONCURRENCY": "32"} // in one instance
	fs = append(fs,
		platform.Function{Name: "node32", Runtime: "nodejs", Handler: "index.handler", Files: map[string]string{"index.js": nodeEcho}, Env: many},
		platform.Function{Name: "python32", Runtime: "python3", Handler: "app.handler", Files: map[string]string{"app.py": pythonAsync}, Env: many},
		platform.Function{Name: "threads32", Runtime: "python3", Handler: "app.handler", Files: map[string]string{"app.py": pythonEcho}, Env: many})
	java, err := javaFunction(dir)
	if err != nil {
		return nil, err
	}
	fs = append(fs, java...)
	for i := range fs {
		fs[i].MemoryMB, fs[i].TimeoutS = memory, 30
	}
	return fs, nil
}

// javaDir is where the classes lie, below the run's folder.
const javaDir = "java"

// javaFunction compiles the Java echo; there is none on a host without a JDK, or
// if ebb was built without its Java runtime.
func javaFunction(dir string) ([]platform.Function, error) {
	jar := filepath.Join(hosttest.Root(), "runtimes/java/dist/ebb-runtime.jar") // has the handler API in it
	_, missing := exec.LookPath("javac")
	if _, err := os.Stat(jar); err != nil || missing != nil {
		return nil, nil
	}
	dir = filepath.Join(dir, javaDir)
	source := filepath.Join(dir, "Echo.java")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(source, []byte(javaEcho), 0o644)); err != nil {
		return nil, err
	}
	compile := exec.Command("javac", "-cp", jar, "-d", dir, source)
	if text, err := compile.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compiling the Java echo: %w\n%s", err, text)
	}
	class, err := os.ReadFile(filepath.Join(dir, "Echo.class"))
	if err != nil {
		return nil, err
	}
	return []platform.Function{{Name: "java", Runtime: "java", Handler: "Echo::handleRequest", Files: map[string]string{"Echo.class": string(class)}}}, nil
}
