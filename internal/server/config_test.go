package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ebb.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("listen: 127.0.0.1:1\npool:\n  idleTimeout: 90s\nlogs:\n  retention: 48h\nfunction:\n  maxTimeoutS: 3600\n")
	cfg, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen != "127.0.0.1:1" || cfg.Pool.IdleTimeout != 90*time.Second || cfg.Logs.Retention != 48*time.Hour ||
		cfg.Function.MaxTimeoutS != 3600 || cfg.Gateway != DefaultConfig().Gateway {
		t.Errorf("read %+v", cfg)
	}
	for text, want := range map[string]string{
		"pool:\n  idletimeout: 90s\n":      "idletimeout",
		"listen: [1]\n":                    "listen",
		"sandbox: strong\n":                "sandbox",
		"logLevel: loud\n":                 "logLevel",
		"drainTimeout: -1s\n":              "drainTimeout",
		"pool:\n  maxInstances: -1\n":      "pool.maxInstances",
		"function:\n  maxTimeoutS: -1\n":   "MaxTimeoutS",
		"http:\n  maxBody: -1\n":           "http.maxBody",
		"region: ''\n":                     "region",
		"listen: 127.0.0.1:1\nlisten: x\n": "listen",
	} {
		write(text)
		_, err := LoadConfig(path)
		if ebb.TypeOf(err) != ebb.TypeConfigInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want ConfigInvalid naming %s", text, err, want)
		}
	}
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "none.yaml")); ebb.TypeOf(err) != ebb.TypeConfigInvalid {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestDataDirectoryIsHeldByOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lock(dir) // another open file: the kernel treats it like another process
	if ebb.TypeOf(err) != ebb.TypeDataDirectoryInUse || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lock(dir)
	if err != nil {
		t.Fatalf("after the first let go: %v", err)
	}
	_ = again.Close()
}
