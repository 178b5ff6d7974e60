package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDiscover(t *testing.T) {
	dir := t.TempDir()
	_, err := Discover(dir)
	if e, ok := errors.AsType[*NotRunningError](err); !ok || e.Dir != dir || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty directory: %v", err)
	}
	write(t, dir, "server.json", `{"api":"http://127.0.0.1:1","gateway":"http://127.0.0.1:2","pid":3}`)
	if _, err := Discover(dir); err == nil {
		t.Error("no credentials, and no error")
	}
	write(t, dir, "credentials.json", `{"access_key_id":"AK","secret_access_key":"SK","token":"TK"}`)
	cfg, err := Discover(dir)
	want := Config{
		Endpoint: "http://127.0.0.1:1", Gateway: "http://127.0.0.1:2", Region: "us-east-1",
		AccessKeyID: "AK", SecretAccessKey: "SK", Token: "TK",
	}
	if err != nil || cfg != want {
		t.Errorf("got %+v, %v", cfg, err)
	}
	write(t, dir, "server.json", `{"api":"http://127.0.0.1:1","region":"eu-west-1"}`)
	if cfg, err := Discover(dir); err != nil || cfg.Region != "eu-west-1" {
		t.Errorf("region: %v %v", cfg.Region, err)
	}
	write(t, dir, "credentials.json", `{"secret_access_key":"hidden`)
	if _, err := Discover(dir); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("broken credentials: %v", err)
	}
}

func TestFromEnvironment(t *testing.T) {
	env := map[string]string{}
	get := func(name string) string { return env[name] }
	if _, err := fromLookup(get); err == nil {
		t.Error("nothing set, and no error")
	} else if _, ok := errors.AsType[*NotRunningError](err); !ok {
		t.Errorf("nothing set: %v", err)
	}
	env["AWS_ENDPOINT_URL"] = "http://a"
	env["AWS_DEFAULT_REGION"] = "eu-west-1"
	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"] = "AK", "SK", "ST"
	env["EBB_TOKEN"], env["EBB_GATEWAY"] = "TK", "http://g"
	want := Config{
		Endpoint: "http://a", Gateway: "http://g", Region: "eu-west-1",
		AccessKeyID: "AK", SecretAccessKey: "SK", SessionToken: "ST", Token: "TK",
	}
	if cfg, err := fromLookup(get); err != nil || cfg != want {
		t.Errorf("got %#v, %v", cfg, err)
	}
	// The more special names win.
	env["AWS_ENDPOINT_URL_LAMBDA"], env["AWS_REGION"] = "http://b", "us-west-2"
	if cfg, err := fromLookup(get); err != nil || cfg.Endpoint != "http://b" || cfg.Region != "us-west-2" {
		t.Errorf("got %#v, %v", cfg, err)
	}
}

func TestConfigHidesSecrets(t *testing.T) {
	cfg := Config{Endpoint: "http://a", AccessKeyID: "AK", SecretAccessKey: "hidden", SessionToken: "hidden", Token: "hidden"}
	for _, text := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), fmt.Sprintf("%v", &cfg)} {
		if strings.Contains(text, "hidden") {
			t.Errorf("secret in %s", text)
		}
	}
}

func TestNewChecksItsConfig(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{Endpoint: "127.0.0.1:9080", Token: "t"},
		{Endpoint: "ftp://127.0.0.1", Token: "t"},
		{Endpoint: "http://127.0.0.1:9080"},
		{Endpoint: "http://127.0.0.1:9080", AccessKeyID: "AK"},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
	c, err := New(Config{Endpoint: "http://127.0.0.1:9080/", Token: "t"})
	if err != nil || c.Config().Region != DefaultRegion {
		t.Errorf("got %v, %v", c, err)
	}
}
