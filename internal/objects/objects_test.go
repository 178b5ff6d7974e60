package objects

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// endpoint is an object store with one object in two versions, for one key.
func endpoint(t *testing.T, keyID string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse := func(status int, code string) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>because of "+code+"</Message></Error>")
		}
		signed := strings.Contains(r.Header.Get("Authorization"), "Credential="+keyID+"/")
		switch {
		case keyID != "" && !signed || keyID == "" && r.Header.Get("Authorization") != "":
			refuse(http.StatusForbidden, "AccessDenied")
		case r.URL.Path != "/code/team/app.zip":
			refuse(http.StatusNotFound, "NoSuchKey")
		case r.URL.Query().Get("versionId") == "7":
			_, _ = io.WriteString(w, "old")
		default:
			_, _ = io.WriteString(w, "new")
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func read(t *testing.T, cfg Config, bucket, key, version string) (string, error) {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	o := New(cfg)
	defer o.Close()
	r, err := o.Open(t.Context(), ebb.DefaultService, bucket, key, version)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	if err != nil || r.Close() != nil {
		t.Fatal(err)
	}
	return string(text), nil
}

func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(" s3cr3t \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"open": {Endpoint: endpoint(t, "")},
		"key":  {Endpoint: endpoint(t, "AK"), AccessKeyID: "AK", SecretAccessKey: "s3cr3t"},
		"file": {Endpoint: endpoint(t, "AK"), AccessKeyID: "AK", SecretAccessKeyFile: file, Region: "eu-central-1"},
	} {
		for version, want := range map[string]string{"": "new", "7": "old"} {
			if got, err := read(t, cfg, "code", "team/app.zip", version); err != nil || got != want {
				t.Errorf("%s, version %q: %q, %v", name, version, got, err)
			}
		}
		_, err := read(t, cfg, "code", "none.zip", "")
		if ebb.TypeOf(err) != ebb.TypeInvalidParameterValue || !strings.Contains(err.Error(), "S3 Error Code: NoSuchKey. S3 Error Message: because of NoSuchKey") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := read(t, Config{Endpoint: endpoint(t, "AK"), AccessKeyID: "other", SecretAccessKey: "s3cr3t"}, "code", "team/app.zip", "")
	if ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), "AccessDenied") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("wrong key: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	if _, err := read(t, Config{Endpoint: srv.URL}, "code", "k", ""); ebb.KindOf(err) != ebb.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestConfig(t *testing.T) {
	for want, cfg := range map[string]Config{
		"objects.endpoint: missing":        {Region: "eu-west-1"},
		"objects.endpoint: is not":         {Endpoint: "store:9000"},
		"objects.accessKeyID":              {Endpoint: "http://store", SecretAccessKey: "x"},
		"objects.secretAccessKey: missing": {Endpoint: "http://store", AccessKeyID: "x"},
		"exclude each other":               {Endpoint: "http://store", AccessKeyID: "x", SecretAccessKey: "x", SecretAccessKeyFile: "/x"},
		"objects.secretAccessKeyFile":      {Endpoint: "http://store", AccessKeyID: "x", SecretAccessKeyFile: "x"},
	} {
		if err := cfg.Validate(); ebb.TypeOf(err) != ebb.TypeConfigInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
}
