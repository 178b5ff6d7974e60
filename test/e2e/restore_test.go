package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ebb-faas/ebb/test/platform"
)

// everything is a service with something of each kind that a backup keeps.
const everything = `
functions:
  hello:
    runtime: python3
    handler: app.handler
    code: code
    layers: [shared]
    secrets: {PASSWORD: db}
    aliases: {live: published}
    tags: {team: core}
    triggers:
    - {name: yearly, timer: {schedule: "cron(0 0 1 1 ? *)"}}
layers:
  shared: layer
`

// TestRestoreBringsEverythingBack: layers, aliases, secrets, triggers, tags and
// publishers of an archive are those that there were: nothing is left to deploy,
// and the function runs with all of it.
func TestRestoreBringsEverythingBack(t *testing.T) {
	t.Parallel()
	p := start(t, place(t))
	dir := t.TempDir()
	for name, text := range map[string]string{
		"ebb.yaml":               everything,
		"layer/python/shared.py": "WORD = 'shared'\n",
		"code/app.py":            "import os, shared\ndef handler(event, context):\n    return shared.WORD + ' ' + os.environ['PASSWORD']\n",
		"password":               "opensesame",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cli(t, p, 0, "secret", "put", "db", "--file", filepath.Join(dir, "password"))
	newPublisher(t, p)
	cli(t, p, 0, "deploy", dir)
	cli(t, p, 0, "bucket", "create", "inbox")
	cli(t, p, 0, "bucket", "put", filepath.Join(dir, "password"), "inbox/a/b", "--content-type", "text/x-kept")
	works := func(p *platform.Platform) {
		t.Helper()
		if got := invoke(t, p, "hello:live", "{}"); got != `"shared opensesame"` {
			t.Errorf("it answers %s", got)
		}
	}
	works(p)
	archive := filepath.Join(t.TempDir(), "archive")
	cli(t, p, 0, "backup", "--out", archive)
	restored := place(t)
	cli(t, p, 0, "restore", archive, "--data", restored)
	key, err := os.ReadFile(filepath.Join(p.Data, "master.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(restored, "master.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	// Buckets are no part of an archive: their folder is copied, with its attributes.
	out, errs, code, err := platform.Output(exec.CommandContext(t.Context(), "cp", "-a", "--preserve=all", filepath.Join(p.Data, "s3"), restored))
	if err != nil || code != 0 {
		t.Fatal(err, out, errs)
	}
	q := start(t, restored)
	if said := cli(t, q, 0, "bucket", "get", "inbox/a/b", "-"); said != "opensesame" {
		t.Errorf("the object is %q", said)
	}
	if got, err := buckets(t, q).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("inbox"), Key: aws.String("a/b")}); err != nil || aws.ToString(got.ContentType) != "text/x-kept" {
		t.Errorf("its attributes: %+v, %v", got, err)
	}
	if said := cli(t, q, 0, "diff", dir, "-o", "json"); !strings.HasPrefix(strings.TrimSpace(said), "[]") {
		t.Errorf("after the restore there is something to deploy: %s", said)
	}
	works(q)
	for _, list := range []struct {
		want string
		args []string
	}{
		{"yearly", []string{"trigger", "ls"}}, {"ci", []string{"publisher", "ls"}}, {"db", []string{"secret", "ls"}},
		{"live", []string{"alias", "ls", "hello"}}, {"shared", []string{"layer", "ls"}},
	} {
		if said := cli(t, q, 0, list.args...); !strings.Contains(said, list.want) {
			t.Errorf("ebb %v: %s", list.args, said)
		}
	}
}
