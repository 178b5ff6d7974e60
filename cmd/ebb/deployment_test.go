package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/manifest"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// racing answers like a platform on which somebody else changes the function
// whenever the test says so: each write must name the revision it was made for.
type racing struct {
	revision string
	onWrite  func(path string)
	writes   []string
}

func (s *racing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	body, _ := io.ReadAll(r.Body)
	var in struct{ RevisionId string }
	_ = json.Unmarshal(body, &in)
	path := strings.TrimPrefix(r.URL.Path, "/2015-03-31/functions/f")
	switch {
	case r.Method == http.MethodGet && path == "":
		_, _ = io.WriteString(w, `{"Configuration":{"FunctionName":"f","RevisionId":"`+s.revision+`","CodeSha256":"old","Runtime":"nodejs"}}`)
	case r.Method == http.MethodPut:
		if s.onWrite != nil {
			s.onWrite(path)
		}
		if in.RevisionId != s.revision {
			w.Header().Set("X-Amzn-Errortype", "PreconditionFailedException")
			w.WriteHeader(http.StatusPreconditionFailed)
			_, _ = io.WriteString(w, `{"message":"the revision is another"}`)
			return
		}
		s.writes = append(s.writes, path)
		s.revision += "+"
		_, _ = io.WriteString(w, `{"FunctionName":"f","RevisionId":"`+s.revision+`","LastUpdateStatus":"Successful"}`)
	default: // the function has no address
		w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{}`)
	}
}

func TestDeploysDoNotMix(t *testing.T) {
	dir := tree(t, map[string]string{"a.py": "x"})
	f := &manifest.Function{Name: "f", Runtime: "python3", Code: ".", Role: "default"}
	m := &manifest.Manifest{Dir: dir, Functions: []manifest.Function{*f}}
	deploy := func(s *racing) error {
		server := httptest.NewServer(s)
		defer server.Close()
		c, err := client.New(client.Config{Endpoint: server.URL, AccessKeyID: "AK", SecretAccessKey: "SK"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		d := &deployment{lambda: c.Lambda(), service: ebb.DefaultService, show: newProgress(io.Discard), built: map[string]bool{}}
		_, err = d.function(t.Context(), m, f)
		return err
	}
	s := &racing{revision: "r"}
	if err := deploy(s); err != nil || strings.Join(s.writes, " ") != "/code /configuration" {
		t.Errorf("alone: %v, %v", s.writes, err)
	}
	for _, at := range []string{"/code", "/configuration"} {
		s := &racing{revision: "r"}
		s.onWrite = func(path string) {
			if path == at {
				s.revision = "another"
			}
		}
		err := deploy(s)
		e, ok := client.ErrorOf(err)
		if !ok || e.Type != ebb.TypePreconditionFailed {
			t.Errorf("changed before %s: %v", at, err)
			continue
		}
		var errs bytes.Buffer
		if code := (&app{errs: &errs, started: true}).finish(err); code != exitUsage || !strings.Contains(errs.String(), "run the same command again") {
			t.Errorf("%d: %s", code, errs.String())
		}
	}
}
