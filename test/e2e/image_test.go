package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-containerregistry/pkg/authn"
	reference "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/ebb-faas/ebb/test/platform"
)

// observer is the program of the images.
const observer = "./test/e2e/testdata/image"

// observed is what the program tells.
type observed struct {
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

// file is one entry of a layer: a name ending in "/" is a folder, a content that
// begins with "-> " a symbolic link.
type file struct {
	name, content string
	mode          int64 // 0 = 0644
	uid           int   // and group
}

func layer(t *testing.T, files ...file) v1.Layer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), Typeflag: tar.TypeReg, Uid: f.uid, Gid: f.uid}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if to, link := strings.CutPrefix(f.content, "-> "); link {
			h.Typeflag, h.Linkname, h.Size, f.content = tar.TypeSymlink, to, 0, ""
		} else if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// program is the layer with the observer at path.
func program(t *testing.T, path string) v1.Layer {
	t.Helper()
	text := compiled(t, observer)
	return layer(t, file{path, text, 0o755, 0})
}

func buildImage(t *testing.T, c v1.Config, layers ...v1.Layer) v1.Image {
	t.Helper()
	return imageFor(t, runtime.GOARCH, c, layers...)
}

func imageFor(t *testing.T, arch string, c v1.Config, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	f, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	f = f.DeepCopy()
	f.OS, f.Architecture, f.Config = "linux", arch, c
	if img, err = mutate.ConfigFile(img, f); err != nil {
		t.Fatal(err)
	}
	return img
}

// saved writes an image as "docker save" does and returns its URI.
func saved(t *testing.T, img v1.Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	tag, err := reference.NewTag("team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(path, tag, img); err != nil {
		t.Fatal(err)
	}
	if platform.User() != 0 { // who has to read it
		must(t, errors.Join(os.Chmod(path, 0o644), os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755)))
	}
	return "docker-archive:" + path
}

func createImage(ctx context.Context, p *platform.Platform, function, uri string, c *types.ImageConfig, env map[string]string) error {
	in := &lambda.CreateFunctionInput{
		FunctionName: &function, Role: aws.String(platform.Role), PackageType: types.PackageTypeImage,
		Code: &types.FunctionCode{ImageUri: &uri}, ImageConfig: c, Timeout: aws.Int32(20),
	}
	if env != nil {
		in.Environment = &types.Environment{Variables: env}
	}
	_, err := p.Lambda().CreateFunction(ctx, in)
	return err
}

func deployImage(t *testing.T, uri string, c *types.ImageConfig, env map[string]string) string {
	t.Helper()
	needsBoxes(t)
	f := name(t)
	if err := createImage(t.Context(), shared, f, uri, c, env); err != nil {
		t.Fatal(err)
	}
	return f
}

// needsBoxes skips where ebb runs plain processes.
func needsBoxes(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("images need the linux sandbox, which needs root")
	}
}

func observe(t *testing.T, p *platform.Platform, function string, request any) observed {
	t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return decode[observed](t, invoke(t, p, function, string(text)))
}

type ask map[string]any

func TestImageFromScratch(t *testing.T) {
	f := deployImage(t, saved(t, buildImage(t, v1.Config{Entrypoint: []string{"/bootstrap"}}, program(t, "bootstrap"))), nil, nil)
	got := observe(t, shared, f, ask{
		"Glob": "/*", "Read": []string{"/etc/hosts", "/proc/self/cgroup"},
		"Write": []string{"/x", "/bootstrap", "/etc/x", "/tmp/x", "/dev/shm/x", "/dev/null", "/var/x"},
	})
	if want := []string{"/bootstrap", "/dev", "/etc", "/proc", "/run", "/tmp"}; !slices.Equal(got.Glob, want) {
		t.Errorf("the root has %v, want %v", got.Glob, want)
	}
	if want := []string{"/tmp/x", "/dev/shm/x", "/dev/null"}; !slices.Equal(got.Wrote, want) {
		t.Errorf("wrote %v, want %v", got.Wrote, want)
	}
	if got.UID != 0 || got.Env["HOME"] != "/" || got.Dir != "/" || !slices.Equal(got.Args, []string{"/bootstrap"}) {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(got.Files["/etc/hosts"], "127.0.0.1 localhost") {
		t.Errorf("hosts: %q", got.Files["/etc/hosts"])
	}
	if got.Env["AWS_LAMBDA_FUNCTION_NAME"] != f || got.Env["AWS_LAMBDA_RUNTIME_API"] == "" || got.Env["LD_LIBRARY_PATH"] != "" {
		t.Errorf("environment %v", got.Env)
	}
	answer, failed, err := shared.Invoke(t.Context(), f, `{"Exit":true}`)
	if err != nil || failed != "Unhandled" || !strings.Contains(answer, "Runtime.ExitError") {
		t.Errorf("%s %s %v", answer, failed, err)
	}
	observe(t, shared, f, ask{}) // and the next one is fine
}

// An image as no builder likes to make them: more layers than the old option
// string of overlay file systems takes, each taking away what another brought.
func TestImageOfManyLayers(t *testing.T) {
	layers := []v1.Layer{program(t, "app/run"), layer(t, file{"data/", "", 0o755, 0}, file{"data/first", "1", 0, 0})}
	for i := range 70 {
		layers = append(layers, layer(t,
			file{fmt.Sprintf("data/n%02d", i), fmt.Sprint(i), 0, 0}, file{fmt.Sprintf("data/.wh.n%02d", i-1), "", 0, 0}))
	}
	layers = append(layers,
		layer(t, file{"gone/a", "a", 0, 0}, file{"gone/b", "b", 0, 0}, file{"lib", "-> usr/lib", 0, 0}, file{"usr/lib/", "", 0o700, 0}),
		layer(t, file{"gone/.wh..wh..opq", "", 0, 0}, file{"gone/c", "c", 0, 0}, file{"lib/x", "through the link", 0, 0}))
	f := deployImage(t, saved(t, buildImage(t, v1.Config{Cmd: []string{"/app/run"}}, layers...)), nil, nil)
	got := observe(t, shared, f, ask{"Glob": "/*/*", "Read": []string{"/data/first", "/data/n69", "/data/n68", "/gone/a", "/gone/c", "/usr/lib/x"}})
	want := map[string]string{"/data/first": "1", "/data/n69": "69", "/data/n68": "error: open /data/n68: no such file or directory",
		"/gone/a": "error: open /gone/a: no such file or directory", "/gone/c": "c", "/usr/lib/x": "through the link"}
	for path, content := range want {
		if got.Files[path] != content {
			t.Errorf("%s is %q, want %q", path, got.Files[path], content)
		}
	}
	if left := slices.DeleteFunc(got.Glob, func(p string) bool { return !strings.HasPrefix(p, "/data/") }); len(left) != 2 {
		t.Errorf("left in /data: %v", left)
	}
}

func TestImageConfigAndOverrides(t *testing.T) {
	needsBoxes(t)
	uri := saved(t, buildImage(t, v1.Config{
		User: "app:app", WorkingDir: "/srv/made", Entrypoint: []string{"observer", "--entry"}, Cmd: []string{"app.handler"},
		Env: []string{"PATH=/opt/bin", "GREETING=of the image", "ONLY=image", "LANG=de_DE.UTF-8", "AWS_REGION=nowhere"},
	}, program(t, "opt/bin/observer"), layer(t, file{"etc/passwd", "app:x:1000:1000::/home/app:/bin/sh\n", 0, 0},
		file{"etc/group", "app:x:1001:\n", 0, 0}, file{"etc/shadow", "hash", 0o600, 0})))
	f := deployImage(t, uri, nil, map[string]string{"GREETING": "of the function"})
	got := observe(t, shared, f, ask{"Read": []string{"/etc/passwd", "/etc/shadow"}})
	if want := []string{"observer", "--entry", "app.handler"}; !slices.Equal(got.Args, want) || got.Dir != "/srv/made" {
		t.Errorf("%v in %s, want %v", got.Args, got.Dir, want)
	}
	if got.UID != 1000 || got.GID != 1001 || got.User != "app" || got.Env["HOME"] != "/home/app" || !strings.HasPrefix(got.Files["/etc/passwd"], "app:x:1000:") {
		t.Errorf("%+v", got)
	}
	for key, want := range map[string]string{"GREETING": "of the function", "ONLY": "image", "LANG": "de_DE.UTF-8", "AWS_REGION": "us-east-1", "PATH": "/opt/bin"} {
		if got.Env[key] != want {
			t.Errorf("%s=%q, want %q", key, got.Env[key], want)
		}
	}
	_, err := shared.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &f,
		ImageConfig: &types.ImageConfig{EntryPoint: []string{"../opt/bin/observer"}, Command: []string{"a", "{/b}"}, WorkingDirectory: aws.String("/etc")}})
	if err != nil {
		t.Fatal(err)
	}
	got = observe(t, shared, f, ask{})
	if want := []string{"../opt/bin/observer", "a", "{/b}"}; !slices.Equal(got.Args, want) || got.Dir != "/etc" {
		t.Errorf("%v in %s, want %v", got.Args, got.Dir, want)
	}
	_, err = shared.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &f,
		ImageConfig: &types.ImageConfig{EntryPoint: []string{"missing"}}})
	if err != nil {
		t.Fatal(err)
	}
	answer, failed, err := shared.Invoke(t.Context(), f, `{}`)
	if err != nil || failed != "Unhandled" || !strings.Contains(answer, "Runtime.InvalidEntrypoint") {
		t.Errorf("%s %s %v", answer, failed, err)
	}
}

func TestImageThatSaysNothing(t *testing.T) {
	f := deployImage(t, saved(t, buildImage(t, v1.Config{}, program(t, "x"))), nil, nil)
	answer, failed, err := shared.Invoke(t.Context(), f, `{}`)
	if err != nil || failed != "Unhandled" || !strings.Contains(answer, "Runtime.InvalidEntrypoint") || !strings.Contains(answer, "neither ENTRYPOINT nor CMD") {
		t.Errorf("%s %s %v", answer, failed, err)
	}
}

func TestImageRefused(t *testing.T) {
	needsBoxes(t)
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	foreign := saved(t, imageFor(t, other, v1.Config{Cmd: []string{"/x"}}, program(t, "x")))
	escape := saved(t, buildImage(t, v1.Config{Cmd: []string{"/x"}}, layer(t, file{"../../../tmp/ebb-escape", "x", 0, 0})))
	for uri, words := range map[string][]string{
		foreign: {"is not valid", "it is for linux/" + other, "this host runs linux/" + runtime.GOARCH},
		escape:  {"is not valid", `has \"..\"`},
		"docker-archive:" + filepath.Join(t.TempDir(), "none"): {"does not exist"},
		"127.0.0.1:1/team/app":                                 {"could not be read", "refused"},
	} {
		err := createImage(t.Context(), shared, name(t), uri, nil, nil)
		if err == nil {
			t.Errorf("%s was taken", uri)
			continue
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), strings.ReplaceAll(w, `\"`, `"`)) {
				t.Errorf("%s: %q does not say %q", uri, err, w)
			}
		}
	}
	if _, err := os.Stat("/tmp/ebb-escape"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an entry left the image: %v", err)
	}
}

// privateRegistry asks for a password and shows a certificate of its own.
func privateRegistry(t *testing.T) (srv *httptest.Server, caFile string) {
	t.Helper()
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != "ebb" || p != "s3cret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	caFile = within(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	return srv, caFile
}

// The registry is needed once: not when the tag has moved, not after a restart,
// not in a backup brought back elsewhere.
func TestImageFromPrivateRegistry(t *testing.T) {
	needsBoxes(t)
	srv, ca := privateRegistry(t)
	host := srv.Listener.Addr().String()
	uri := host + "/team/app:1"
	push := func(content string) v1.Image {
		img := buildImage(t, v1.Config{Entrypoint: []string{"/bootstrap"}}, program(t, "bootstrap"), layer(t, file{"version", content, 0, 0}))
		ref, err := reference.ParseReference(uri)
		if err != nil {
			t.Fatal(err)
		}
		err = remote.Write(ref, img, remote.WithTransport(srv.Client().Transport), remote.WithAuth(&authn.Basic{Username: "ebb", Password: "s3cret"}))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	first := push("one")
	password := within(t, "password", "s3cret\n")
	config := within(t, "config.yaml", fmt.Sprintf(
		"images:\n  registries:\n    - {host: %q, username: ebb, passwordFile: %q, caFile: %q}\n", host, password, ca))
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data, "--config", config)
	ctx := t.Context()
	if err := createImage(ctx, p, "app", uri, nil, nil); err != nil {
		t.Fatal(err)
	}
	version := func(p *platform.Platform) string {
		return observe(t, p, "app", ask{"Read": []string{"/version"}}).Files["/version"]
	}
	if got := version(p); got != "one" {
		t.Fatalf("version %q", got)
	}
	digest, err := first.Digest()
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Lambda().GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	if code := got.Code; aws.ToString(code.ImageUri) != uri || aws.ToString(code.ResolvedImageUri) != host+"/team/app@"+digest.String() ||
		aws.ToString(got.Configuration.CodeSha256) != digest.Hex {
		t.Errorf("%s %s %s", aws.ToString(code.ImageUri), aws.ToString(code.ResolvedImageUri), aws.ToString(got.Configuration.CodeSha256))
	}
	push("two")
	if got := version(p); got != "one" {
		t.Errorf("the tag moved, and with it what runs: %q", got)
	}
	if _, err := p.Lambda().UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("app"), ImageUri: &uri}); err != nil {
		t.Fatal(err)
	}
	if got := version(p); got != "two" {
		t.Errorf("after the update: %q", got)
	}
	// By its digest an image is had wherever the tag is now.
	if err := createImage(ctx, p, "pinned", host+"/team/app@"+digest.String(), nil, nil); err != nil {
		t.Fatal(err)
	}
	if got := observe(t, p, "pinned", ask{"Read": []string{"/version"}}).Files["/version"]; got != "one" {
		t.Errorf("pinned to the digest of one: %q", got)
	}

	srv.Close()
	_, err = p.Lambda().UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("app"), ImageUri: &uri})
	if err == nil || !strings.Contains(err.Error(), "could not be read") {
		t.Errorf("update without the registry: %v", err)
	}
	backup := filepath.Join(t.TempDir(), "backup.tar.zst")
	cmd, err := p.Command(ctx, "backup", "--out", backup)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := version(start(t, data)); got != "two" {
		t.Errorf("after a restart: %q", got)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	bin, err := platform.Binary()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(bin, "restore", backup, "--data", restored).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := version(start(t, restored)); got != "two" {
		t.Errorf("from the backup: %q", got)
	}
}

func TestImageFromLayout(t *testing.T) {
	dir := t.TempDir()
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(buildImage(t, v1.Config{Entrypoint: []string{"/bootstrap"}}, program(t, "bootstrap"))); err != nil {
		t.Fatal(err)
	}
	f := deployImage(t, "oci:"+dir, nil, nil)
	if got := observe(t, shared, f, ask{}); got.Args[0] != "/bootstrap" {
		t.Errorf("%+v", got)
	}
}

// ebb deploy with image: in ebb.yaml: created, unchanged, updated when the tag
// has moved, overrides set and taken away.
func TestImageDeploy(t *testing.T) {
	needsBoxes(t)
	dir, f := t.TempDir(), name(t)
	write := func(version string) {
		t.Helper()
		tag, err := reference.NewTag("team/app:1")
		if err != nil {
			t.Fatal(err)
		}
		img := buildImage(t, v1.Config{Entrypoint: []string{"/bootstrap"}}, program(t, "bootstrap"), layer(t, file{"version", version, 0, 0}))
		if err := tarball.WriteToFile(filepath.Join(dir, "app.tar"), tag, img); err != nil {
			t.Fatal(err)
		}
	}
	deploy := func(image string) string {
		t.Helper()
		manifest := fmt.Sprintf("functions:\n  %s:\n    timeout: 20\n    image: %s\n", f, image)
		if err := os.WriteFile(filepath.Join(dir, "ebb.yaml"), []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		stdout, stderr, code, err := shared.CLI(t.Context(), "deploy", dir, "-o", "json")
		if err != nil || code != 0 {
			t.Fatalf("%v %d %s", err, code, stderr)
		}
		got := decode[[]struct {
			Action     string
			Changed    []string
			CodeSha256 string
		}](t, stdout)
		if len(got[0].CodeSha256) != 64 {
			t.Errorf("digest %q", got[0].CodeSha256)
		}
		return got[0].Action + " " + strings.Join(got[0].Changed, ",")
	}
	says := func() observed { t.Helper(); return observe(t, shared, f, ask{"Read": []string{"/version"}}) }
	write("one")
	for _, want := range []string{"created ", "unchanged "} {
		if got := deploy("docker-archive:app.tar"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := says(); got.Files["/version"] != "one" {
		t.Errorf("%+v", got)
	}
	write("two")
	if got := deploy("{uri: docker-archive:app.tar, command: [x], workdir: /work}"); got != "updated code,image" {
		t.Errorf("%q", got)
	}
	if got := says(); got.Files["/version"] != "two" || got.Dir != "/work" || !slices.Equal(got.Args, []string{"/bootstrap", "x"}) {
		t.Errorf("%+v", got)
	}
	if got := deploy("docker-archive:app.tar"); got != "updated image" {
		t.Errorf("%q", got)
	}
	if got := says(); got.Dir != "/" || len(got.Args) != 1 {
		t.Errorf("%+v", got)
	}
	stdout, _, code, err := shared.CLI(t.Context(), "ls", "-o", "table")
	if err != nil || code != 0 || !strings.Contains(stdout, "(image)") {
		t.Errorf("%v %d %s", err, code, stdout)
	}
}

// TestImageBoxesAreMadeAhead: once an image was started, the next start finds its
// box ready.
func TestImageBoxesAreMadeAhead(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	p := start(t, place(t))
	uri := saved(t, buildImage(t, v1.Config{Entrypoint: []string{"/bootstrap"}, WorkingDir: "/srv"}, program(t, "bootstrap")))
	if err := createImage(t.Context(), p, "f", uri, nil, nil); err != nil {
		t.Fatal(err)
	}
	begin := func() string {
		t.Helper()
		out, err := p.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("f"), Payload: []byte("{}"), LogType: types.LogTypeTail})
		if err != nil || out.FunctionError != nil {
			t.Fatal(out, err)
		}
		text, err := base64.StdEncoding.DecodeString(*out.LogResult)
		if err != nil {
			t.Fatal(err)
		}
		_, report, _ := strings.Cut(string(text), "REPORT ")
		return report
	}
	t.Log(begin())
	eventually(t, func() error {
		n, err := p.Node(t.Context())
		if err == nil && n.Instances.Spare == 0 {
			err = errors.New("nothing is made ahead")
		}
		return err
	})
	// New settings, the same image: a new instance.
	if _, err := p.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: new("f"), Timeout: new(int32(9))}); err != nil {
		t.Fatal(err)
	}
	report := begin()
	t.Log(report)
	if !strings.Contains(report, "\tBox: 0.00 ms") {
		t.Errorf("the box was made when it was needed: %s", report)
	}
	if got := observe(t, p, "f", ask{}); got.Dir != "/srv" || got.UID != 0 {
		t.Errorf("%+v", got)
	}
}
