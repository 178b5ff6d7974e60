package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/test/platform"
)

// gather reads all files below dir into a package, below at.
func gather(t *testing.T, files map[string]string, dir, at string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		within, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		files[filepath.Join(at, within)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fetched is where scripts/frameworks.sh has put a framework.
func fetched(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(hosttest.Root(), "build", "frameworks", name)
	if _, err := os.Stat(dir); err != nil {
		hosttest.Lacks(t, "make test-deps has not fetched it: %v", err)
	}
	return dir
}

const (
	flaskApp = `from flask import Flask, jsonify, request
app = Flask(__name__)

@app.get("/hello/<name>")
def hello(name):
    return jsonify(hello=name, loud=request.args.get("loud"))

@app.post("/echo")
def echo():
    return request.get_data(), 201
`
	expressApp = `const express = require('express');
const app = express();
app.get('/hello/:name', (req, res) => res.json({ hello: req.params.name, loud: req.query.loud }));
app.post('/echo', express.text({ type: '*/*', limit: '10mb' }), (req, res) => res.status(201).send(req.body));
app.listen(process.env.PORT);
`
	springApp = `package app;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.*;

@SpringBootApplication
@RestController
public class App {
    public static void main(String[] args) { SpringApplication.run(App.class, args); }

    @GetMapping("/hello/{name}")
    Map<String, String> hello(@PathVariable("name") String name, @RequestParam("loud") String loud) { return Map.of("hello", name, "loud", loud); }

    @PostMapping("/echo")
    @ResponseStatus(HttpStatus.CREATED)
    String echo(@RequestBody String body) { return body; }
}
`
)

// TestFrameworks: servers of frameworks run as they are, with nothing of ebb in them.
func TestFrameworks(t *testing.T) {
	t.Parallel()
	env := map[string]string{"AWS_LWA_PORT": "8080", "EBB_INSTANCE_CONCURRENCY": "8"}
	made := map[string]func(t *testing.T) platform.Function{
		"Flask": func(t *testing.T) platform.Function {
			files := map[string]string{"app.py": flaskApp}
			bundle(t, files, "flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "click", "blinker")
			return platform.Function{Runtime: "python3", Handler: "python3 -m flask --app app run --host 127.0.0.1 --port $PORT", Files: files}
		},
		"Express": func(t *testing.T) platform.Function {
			files := map[string]string{"server.js": expressApp}
			gather(t, files, filepath.Join(fetched(t, "node"), "node_modules"), "node_modules")
			return platform.Function{Runtime: "nodejs", Handler: "node server.js", Files: files}
		},
		"Spring Boot": func(t *testing.T) platform.Function {
			jars := fetched(t, "java")
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "App.java"), springApp)
			classes := filepath.Join(dir, "classes")
			out, err := exec.CommandContext(t.Context(), "javac", "-parameters", "-cp", jars+"/*", "-d", classes, filepath.Join(dir, "App.java")).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			files := map[string]string{}
			gather(t, files, classes, "")
			gather(t, files, jars, "lib")
			return platform.Function{Runtime: "java", Files: files, MemoryMB: 1024,
				Handler: "java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp .:lib/* app.App --server.port=$PORT"}
		},
	}
	for what, build := range made {
		t.Run(what, func(t *testing.T) {
			f := build(t)
			f.Name, f.Env, f.TimeoutS = name(t), env, 120 // the second attempt to start has that
			u := open(t, deploy(t, f))
			if res, body := get(t, u+"hello/Mei?loud=yes"); res.StatusCode != 200 || !strings.Contains(strings.ReplaceAll(body, " ", ""), `"hello":"Mei"`) ||
				!strings.Contains(strings.ReplaceAll(body, " ", ""), `"loud":"yes"`) || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
				t.Errorf("%s %v %s", res.Status, res.Header, body)
			}
			long := strings.Repeat("0123456789", 50_000)
			if res, body := do(t, request(t, "POST", u+"echo", long, "Content-Type", "text/plain")); res.StatusCode != 201 || body != long {
				t.Errorf("%s, %d bytes", res.Status, len(body))
			}
			if res, _ := get(t, u+"nowhere"); res.StatusCode != 404 {
				t.Errorf("a path that is not there: %s", res.Status)
			}
		})
	}
}
