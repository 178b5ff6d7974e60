package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/test/platform"
)

// publishLayer publishes files as a layer of the test's own and returns its ARN.
func publishLayer(t *testing.T, suffix string, files map[string]string) string {
	t.Helper()
	zip, err := platform.Zip(files)
	if err != nil {
		t.Fatal(err)
	}
	l := name(t) + suffix
	out, err := shared.Lambda().PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{
		LayerName: &l, Content: &types.LayerVersionContentInput{ZipFile: zip}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := shared.Lambda().DeleteLayerVersion(context.Background(), &lambda.DeleteLayerVersionInput{LayerName: &l, VersionNumber: &out.Version})
		if err != nil {
			t.Error(err)
		}
	})
	return aws.ToString(out.LayerVersionArn)
}

// writeFile writes a file and the folders that it is in.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// with gives a function its layers, and takes away those it had.
func with(t *testing.T, function string, layers ...string) {
	t.Helper()
	_, err := shared.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &function, Layers: append([]string{}, layers...)})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLayersOnTheUsualPaths: each runtime finds what layers hold where it looks
// without being told.
func TestLayersOnTheUsualPaths(t *testing.T) {
	t.Parallel()
	arn := publishLayer(t, "", map[string]string{
		"python/greeting.py":                  "TEXT = 'from the layer'\n",
		"nodejs/node_modules/greet/index.js":  "exports.text = 'from the layer';\n",
		"nodejs/node_modules/greet/again.mjs": "export const text = 'not asked for';\n",
		"share/data.txt":                      "data\n",
	})
	py := python("import greeting\ndef handler(event, context):\n    return [greeting.TEXT, open('/opt/share/data.txt').read()]\n")
	py.Name = name(t) + "-py"
	js := node("const fs = require('fs');\nexports.handler = async () => [require('greet').text, fs.readFileSync('/opt/share/data.txt', 'utf8')];\n")
	js.Name = name(t) + "-js"
	for _, f := range []platform.Function{py, js} {
		deploy(t, f)
		with(t, f.Name, arn)
		for range 2 { // the first may be an instance made ahead
			if got := strings.ReplaceAll(invoke(t, shared, f.Name, "{}"), " ", ""); got != `["fromthelayer","data\n"]` {
				t.Errorf("%s: %s", f.Name, got)
			}
		}
		with(t, f.Name)
		if answer, failed, err := shared.Invoke(t.Context(), f.Name, "{}"); err != nil || failed == "" {
			t.Errorf("%s finds the layer that it has no more: %s, %v", f.Name, answer, err)
		}
	}
}

// TestCustomRuntimeInALayer: the package holds the function, the layer what runs it.
func TestCustomRuntimeInALayer(t *testing.T) {
	t.Parallel()
	f := deploy(t, platform.Function{Runtime: "provided.al2023", Handler: "x", Files: map[string]string{"README": "only data"}})
	with(t, f, publishLayer(t, "", map[string]string{"bootstrap": compiled(t, "./examples/hello-go")}))
	if answer := invoke(t, shared, f, `{"name":"Mei"}`); !strings.Contains(answer, "Mei") {
		t.Errorf("got %s", answer)
	}
}

// TestJavaLayer: classes in /opt/java/lib are on the class path.
func TestJavaLayer(t *testing.T) {
	t.Parallel()
	javac, jar := hosttest.Program(t, "javac"), hosttest.Program(t, "jar")
	dir := t.TempDir()
	write := func(file, text string) { writeFile(t, filepath.Join(dir, file), text) }
	run := func(program string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", program, err, out)
		}
	}
	read := func(file string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	write("lib/shared/Words.java", "package shared;\npublic class Words { public static String text() { return \"from the layer\"; } }\n")
	write("app/App.java", "public class App { public String handle(Object event) { return shared.Words.text(); } }\n")
	run(javac, "--release", "8", "-d", "libout", "lib/shared/Words.java")
	run(jar, "cf", "words.jar", "-C", "libout", ".")
	run(javac, "--release", "8", "-cp", "words.jar", "-d", "appout", "app/App.java")
	f := platform.Function{Name: name(t), Runtime: "java", Handler: "App::handle", MemoryMB: 256, TimeoutS: 30,
		Files: map[string]string{"App.class": read("appout/App.class")}}
	if err := shared.Create(t.Context(), f); err != nil {
		if strings.Contains(err.Error(), "Runtime: ") {
			hosttest.Lacks(t, "%v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := shared.Lambda().DeleteFunction(context.Background(), &lambda.DeleteFunctionInput{FunctionName: &f.Name})
		if err != nil {
			t.Error(err)
		}
	})
	with(t, f.Name, publishLayer(t, "", map[string]string{"java/lib/words.jar": read("words.jar")}))
	if answer := invoke(t, shared, f.Name, "{}"); answer != `"from the layer"` {
		t.Errorf("got %s", answer)
	}
}

func TestAWSCommandLineLayers(t *testing.T) {
	t.Parallel()
	l := name(t)
	zip := zipped(t, "x")
	type version struct {
		LayerVersionArn, Description string
		Version                      int
		CompatibleRuntimes           []string
	}
	var made version
	for i := range 3 {
		made = decode[version](t, awscli(t, "lambda", "publish-layer-version", "--layer-name", l, "--zip-file", "fileb://"+zip,
			"--compatible-runtimes", "python3.12", "--description", "v"))
		if made.Version != i+1 || made.Description != "v" {
			t.Errorf("published: %+v", made)
		}
	}
	page := decode[struct {
		LayerVersions []version
		NextToken     string
	}](t, awscli(t, "lambda", "list-layer-versions", "--layer-name", l, "--max-items", "2", "--page-size", "1"))
	if len(page.LayerVersions) != 2 || page.LayerVersions[0].Version != 3 || page.NextToken == "" {
		t.Errorf("page: %+v", page)
	}
	if out := awscli(t, "lambda", "list-layers", "--query", "Layers[?LayerName=='"+l+"'].LatestMatchingVersion.Version", "--output", "text"); strings.TrimSpace(out) != "3" {
		t.Errorf("list-layers: %s", out)
	}
	if got := decode[version](t, awscli(t, "lambda", "get-layer-version-by-arn", "--arn", made.LayerVersionArn)); got.Version != 3 {
		t.Errorf("by ARN: %+v", got)
	}
	awscli(t, "lambda", "add-layer-version-permission", "--layer-name", l, "--version-number", "3", "--statement-id", "s",
		"--action", "lambda:GetLayerVersion", "--principal", "111111111111")
	policy := decode[struct{ Policy, RevisionId string }](t, awscli(t, "lambda", "get-layer-version-policy", "--layer-name", l, "--version-number", "3"))
	var doc struct {
		Statement []struct{ Sid, Resource string }
	}
	if err := json.Unmarshal([]byte(policy.Policy), &doc); err != nil || len(doc.Statement) != 1 || doc.Statement[0].Resource != made.LayerVersionArn {
		t.Errorf("policy: %v %+v", err, policy)
	}
	awscli(t, "lambda", "remove-layer-version-permission", "--layer-name", l, "--version-number", "3", "--statement-id", "s",
		"--revision-id", policy.RevisionId)
	for _, n := range []string{"1", "2", "3"} {
		awscli(t, "lambda", "get-layer-version", "--layer-name", l, "--version-number", n)
		awscli(t, "lambda", "delete-layer-version", "--layer-name", l, "--version-number", n)
	}
}

// TestDeployWithLayers: ebb deploy publishes the layer first, then what has it,
// then moves the alias.
func TestDeployWithLayers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := name(t)
	write := func(file, text string) { writeFile(t, filepath.Join(dir, file), text) }
	ebb := func(args ...string) string {
		t.Helper()
		out, errs, code := verb(t, dir, args...)
		if code != 0 {
			t.Fatalf("ebb %s: exit %d:\n%s%s", strings.Join(args, " "), code, out, errs)
		}
		return out
	}
	write("ebb.yaml", "layers: {"+f+": {code: shared, description: words}}\nfunctions:\n  "+f+
		":\n    {runtime: python3, handler: app.handler, code: code, layers: ["+f+"], aliases: {live: published}}\n")
	write("code/app.py", "import words\ndef handler(event, context):\n    return words.TEXT\n")
	t.Cleanup(func() {
		_, _ = shared.Lambda().DeleteFunction(context.Background(), &lambda.DeleteFunctionInput{FunctionName: &f})
	})
	for i, text := range []string{"one", "two"} {
		write("shared/python/words.py", "TEXT = '"+text+"'\n")
		for _, want := range [][]string{{"created", "created"}, {"unchanged", "unchanged"}} {
			if want[0] == "created" && i > 0 {
				want = []string{"updated", "updated"}
			}
			out := ebb("deploy", "-o", "json")
			var got []struct{ Function, Layer, Action, Version string }
			if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 2 || got[0].Layer != f || got[1].Function != f ||
				got[0].Action != want[0] || got[1].Action != want[1] {
				t.Errorf("%v, want %v: %s", err, want, out)
			}
		}
		if answer := ebb("invoke", f, "--qualifier", "live"); strings.TrimSpace(answer) != `"`+text+`"` {
			t.Errorf("got %s, want %s", answer, text)
		}
	}
	if out := ebb("alias", "ls", f); !strings.Contains(out, "live") {
		t.Error(out)
	}
}
