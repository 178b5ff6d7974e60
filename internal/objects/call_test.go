package objects

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// shelf keeps objects by their path.
func shelf(t *testing.T) *Objects {
	t.Helper()
	kept := make(map[string]string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			body, _ := io.ReadAll(r.Body)
			kept[r.URL.Path] = string(body)
			w.Header().Set("ETag", `"e1"`)
		case r.URL.Query().Get("list-type") == "2":
			_, _ = io.WriteString(w, `<ListBucketResult><Name>b</Name><KeyCount>1</KeyCount><Contents><Key>k</Key><Size>7</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents></ListBucketResult>`)
		case kept[r.URL.Path] == "":
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, kept[r.URL.Path])
		}
	}))
	t.Cleanup(srv.Close)
	o := New(Config{Endpoint: srv.URL})
	t.Cleanup(o.Close)
	return o
}

func TestCall(t *testing.T) {
	o := shelf(t)
	for _, c := range []struct{ operation, parameters, want string }{
		{"PutObject", `{"Bucket": "b", "Key": "k", "Body": {"a": 1}}`, `{"ETag":"\"e1\""}`},
		{"GetObject", `{"Bucket": "b", "Key": "k"}`, `{"Body":"{\"a\": 1}","ContentLength":8,"ContentType":"application/json"}`},
		{"PutObject", `{"Bucket": "b", "Key": "k", "Body": "text"}`, `{"ETag":"\"e1\""}`},
		{"GetObject", `{"Bucket": "b", "Key": "k"}`, `{"Body":"text","ContentLength":4,"ContentType":"application/json"}`},
		{"ListObjectsV2", `{"Bucket": "b", "Prefix": "k"}`, `{"Contents":[{"Key":"k","LastModified":"2026-01-02T03:04:05Z","Size":7}],"KeyCount":1,"Name":"b"}`},
		{"GetObject", `{"Bucket": "b", "Key": "none"}`, `NoSuchKey: The specified key does not exist.`},
		{"GetObject", `{"Bucket": "b", "Kye": "k"}`, `ValidationException: unknown field "Kye"`},
		{"GetObject", `7`, `ValidationException: the parameters are no object: json: cannot unmarshal number into Go value of type map[string]json.RawMessage`},
	} {
		answer, ok, err := o.Call(t.Context(), ebb.DefaultService, "worker", c.operation, json.RawMessage(c.parameters))
		got := string(answer)
		if err != nil {
			own, _ := errors.AsType[*ebb.Error](err)
			got = own.Type + ": " + own.Message
		}
		if !ok || got != c.want {
			t.Errorf("%s %s: %v %s\nwant %s", c.operation, c.parameters, ok, got, c.want)
		}
	}
	if _, ok, _ := o.Call(t.Context(), ebb.DefaultService, "worker", "PutBucketPolicy", json.RawMessage(`{}`)); ok {
		t.Error("an operation that is not offered")
	}
	if _, _, err := o.Call(t.Context(), ebb.DefaultService, "", "PutObject", json.RawMessage(`{"Bucket": "b", "Key": "big", "Body": "`+strings.Repeat("x", MaxBody+1)+`"}`)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.Call(t.Context(), ebb.DefaultService, "", "GetObject", json.RawMessage(`{"Bucket": "b", "Key": "big"}`)); ebb.KindOf(err) != ebb.Invalid {
		t.Errorf("an object that is too large: %v", err)
	}
}
