package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// webroot is the layers of an image with testdata/webroot in /srv, which is user
// 1001's and has a folder cache.
func webroot(t *testing.T, more ...v1.Layer) []v1.Layer {
	t.Helper()
	binary := compiled(t, "./test/e2e/testdata/webroot")
	return append([]v1.Layer{layer(t,
		file{name: "srv/", mode: 0o755, uid: 1001}, file{"srv/server", binary, 0o755, 0}, file{"srv/own", "of the image", 0o640, 1001},
		file{"var/log/access.log", "-> /dev/stdout", 0, 0}, file{name: "cache/", mode: 0o755}, file{"secret", "root's", 0o600, 0},
		file{"etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1001:1001::/srv:/bin/sh\nredis:x:999:999::/cache:/bin/sh\n", 0, 0},
		file{"etc/group", "root:x:0:\napp:x:1001:\nmedia:x:44:app\nweb:x:33:\n", 0, 0},
	)}, more...)
}

func webConfig(user string, args ...string) v1.Config {
	return v1.Config{User: user, WorkingDir: "/srv", Entrypoint: append([]string{"./server"}, args...), Env: []string{"AWS_LWA_PORT=80"}}
}

// identity is what testdata/webroot tells of itself.
type identity struct {
	UID, GID  int
	Groups    []int
	Dir, Home string
	Owners    map[string]string
}

// said is the body of an answer.
func said(t *testing.T, url string) string {
	t.Helper()
	res, body := get(t, url)
	if res.StatusCode != 200 {
		t.Fatalf("%s: %s %s", url, res.Status, body)
	}
	return body
}

// TestImageUsers: USER by name, number and group, as containers have it.
func TestImageUsers(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	layers := webroot(t)
	for user, want := range map[string]identity{
		"app":       {UID: 1001, GID: 1001, Groups: []int{44}, Home: "/srv"},
		"1001:web":  {UID: 1001, GID: 33, Home: "/srv"},
		"app:4242":  {UID: 1001, GID: 4242, Home: "/srv"},
		"1001:1001": {UID: 1001, GID: 1001, Home: "/srv"},
	} {
		t.Run(strings.ReplaceAll(user, ":", "-"), func(t *testing.T) {
			t.Parallel()
			u := open(t, deployImage(t, saved(t, buildImage(t, webConfig(user), layers...)), nil, nil))
			got := decode[identity](t, said(t, u+"who?paths=/srv,/srv/own,/secret,/etc/passwd,/srv/server,/tmp,/"))
			got.Groups = slices.DeleteFunc(got.Groups, func(g int) bool { return g == got.GID })
			if got.UID != want.UID || got.GID != want.GID || !slices.Equal(got.Groups, want.Groups) || got.Home != want.Home || got.Dir != "/srv" {
				t.Errorf("%+v, want %+v", got, want)
			}
			for path, owner := range map[string]string{
				"/srv": "1001:1001 drwxr-xr-x", "/srv/own": "1001:1001 -rw-r-----", "/secret": "0:0 -rw-------",
				"/etc/passwd": "0:0 -rw-r--r--", "/tmp": "0:0 dtrwxrwxrwx", "/": "0:0 drwxr-xr-x",
			} {
				if got.Owners[path] != owner {
					t.Errorf("%s is %s, want %s", path, got.Owners[path], owner)
				}
			}
			if got := said(t, u+"read?path=/secret"); !strings.Contains(got, "permission denied") {
				t.Errorf("root's file: %q", got)
			}
		})
	}
}

// TestImageUserRefused: whoever the image means has to be in it.
func TestImageUserRefused(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	layers := webroot(t)
	for user, want := range map[string]string{
		"nginx": `USER: its /etc/passwd has no user "nginx"`, "app:none": `USER: its /etc/group has no group "none"`, "70000": "USER: ",
	} {
		err := createImage(t.Context(), shared, name(t), saved(t, buildImage(t, webConfig(user), layers...)), nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "InvalidParameterValueException") {
			t.Errorf("USER %s: %v, want it to say %q", user, err, want)
		}
	}
}

// TestWebImageWrites: what a server writes to its root stays as long as the instance
// does, within what its user may, and goes with it.
func TestWebImageWrites(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	f := deployImage(t, saved(t, buildImage(t, webConfig("app"), webroot(t)...)), nil, nil)
	u := open(t, f)
	for path, want := range map[string]string{"/srv/new": "ok", "own": "ok", "/tmp/x": "ok", "/new": "permission denied", "/etc/passwd": "permission denied"} {
		if got := said(t, u+"write?text=changed&path="+path); !strings.HasSuffix(got, want) {
			t.Errorf("write %s: %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"/srv/new", "/srv/own", "/tmp/x"} {
		if got := said(t, u+"read?path="+path); got != "changed" {
			t.Errorf("%s is %q in the next invocation", path, got)
		}
	}
	_, err := shared.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &f, Timeout: aws.Int32(19)})
	if err != nil {
		t.Fatal(err)
	}
	if got := said(t, u+"read?path=/srv/own"); got != "of the image" {
		t.Errorf("another instance finds %q", got)
	}
	if got := said(t, u+"read?path=/srv/new"); !strings.Contains(got, "no such file") {
		t.Errorf("another instance finds %q", got)
	}
	logged(t, f, "access log open")
}

// TestWebImageDisk: the root and /tmp have one disk; a full one is the instance's own.
func TestWebImageDisk(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	f := deployImage(t, saved(t, buildImage(t, webConfig("app"), webroot(t)...)), nil, nil)
	u := open(t, f)
	if got := said(t, u+"fill?path=/srv/large"); !strings.Contains(got, "no space left") {
		t.Fatalf("filled the root: %q", got)
	}
	if got := said(t, u+"fill?path=/tmp/large"); !strings.Contains(got, "no space left") {
		t.Errorf("filled /tmp: %q", got)
	}
	if got := said(t, u+"remove?path=/srv/large"); got != "ok" {
		t.Error(got)
	}
	if got := said(t, u+"write?text=x&path=/srv/small"); got != "ok" {
		t.Errorf("with room again: %q", got)
	}
}

// TestWebImageRoot: an entry point that begins as root, prepares its folders and
// becomes somebody else, on a port below 1024.
func TestWebImageRoot(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	u := open(t, deployImage(t, saved(t, buildImage(t, webConfig("", "999"), webroot(t)...)), nil, nil))
	got := decode[identity](t, said(t, u+"who?paths=/cache,/srv"))
	if got.UID != 999 || got.GID != 999 || got.Owners["/cache"] != "999:999 drwxr-xr-x" || got.Home != "/root" {
		t.Errorf("%+v", got)
	}
	if got := said(t, u+"write?text=x&path=/cache/x"); got != "ok" {
		t.Errorf("its own folder: %q", got)
	}
	if got := said(t, u+"write?text=x&path=/x"); !strings.Contains(got, "permission denied") {
		t.Errorf("after it became somebody else: %q", got)
	}
}

// TestImageOfManyLayersAndOwners: 70 layers, each with a whiteout and an owner.
func TestImageOfManyLayersAndOwners(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	var more []v1.Layer
	for i := range 70 {
		more = append(more, layer(t, file{fmt.Sprintf("srv/n%02d", i), fmt.Sprint(i), 0o600, 1001 + i%2}, file{fmt.Sprintf("srv/.wh.n%02d", i-1), "", 0, 0},
			file{name: "cache/", mode: int64(0o700 + i%8), uid: i}))
	}
	u := open(t, deployImage(t, saved(t, buildImage(t, webConfig("1002"), webroot(t, more...)...)), nil, nil))
	got := decode[identity](t, said(t, u+"who?paths=/srv/n69,/srv/n68,/cache"))
	if got.UID != 1002 || got.Owners["/srv/n69"] != "1002:1002 -rw-------" || got.Owners["/srv/n68"] != "" || got.Owners["/cache"] != "69:69 drwx---r-x" {
		t.Errorf("%+v", got)
	}
	if got := said(t, u+"read?path=/srv/n69"); got != "69" {
		t.Errorf("its own file: %q", got)
	}
}
