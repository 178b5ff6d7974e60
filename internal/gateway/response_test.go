package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestResponses(t *testing.T) {
	json200 := http.Header{"Content-Type": {"application/json"}}
	for name, c := range map[string]struct {
		doc    string
		status int
		header http.Header
		body   string
	}{
		"string":          {`"Hello, world!"`, 200, json200, `"Hello, world!"`},
		"object":          {"{\n  \"message\": \"Hello, world!\"\n}", 200, json200, "{\n  \"message\": \"Hello, world!\"\n}"},
		"null":            {`null`, 200, json200, `null`},
		"number":          {` 1.5e-3 `, 200, json200, ` 1.5e-3 `},
		"list":            {`[{"statusCode":404}]`, 200, json200, `[{"statusCode":404}]`},
		"nothing":         {``, 200, json200, ``},
		"null status":     {`{"statusCode":null,"body":"x"}`, 200, json200, `{"statusCode":null,"body":"x"}`},
		"only a status":   {`{"statusCode":404}`, 404, json200, ``},
		"status as text":  {`{"statusCode":"201"}`, 201, json200, ``},
		"custom":          {`{"statusCode":201,"headers":{"Content-Type":"text/plain","my-custom-header":"Custom Value"},"body":"{ \"a\": 1 }","isBase64Encoded":false}`, 201, http.Header{"Content-Type": {"text/plain"}, "My-Custom-Header": {"Custom Value"}}, `{ "a": 1 }`},
		"cookies":         {`{"statusCode":200,"headers":{"set-cookie":"a=0"},"cookies":["b=1; Path=/","c=2"]}`, 200, http.Header{"Content-Type": {"application/json"}, "Set-Cookie": {"a=0", "b=1; Path=/", "c=2"}}, ``},
		"base64":          {`{"statusCode":200,"headers":{"content-type":"image/png"},"body":"iVBORw==","isBase64Encoded":true}`, 200, http.Header{"Content-Type": {"image/png"}}, "\x89PNG"},
		"base64 escaped":  {`{"statusCode":200,"body":"\/\/79\u002b\u003d\n\u003d","isBase64Encoded":true}`, 502, json200, ""},
		"object body":     {`{"statusCode":200,"body":{"a":[1,2]}}`, 200, json200, `{"a":[1,2]}`},
		"null body":       {`{"statusCode":200,"body":null,"headers":null,"cookies":null}`, 200, json200, ``},
		"escapes":         {`{"statusCode":200,"body":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83dx\u0000"}`, 200, json200, "\"\\/\b\f\n\r\t\u00e9\U0001F600\ufffdx\x00"},
		"escaped keys":    {`{"status\u0043ode":202,"b\u006fdy":"x"}`, 202, json200, `x`},
		"last one wins":   {`{"statusCode":500,"statusCode":200,"body":"a","body":"b"}`, 200, json200, `b`},
		"other members":   {`{"x":{"statusCode":1},"statusCode":200,"multiValueHeaders":{"a":["b"]},"body":"y"}`, 200, json200, `y`},
		"header kinds":    {`{"statusCode":200,"headers":{"X-N":5,"X-B":true,"X-Null":null}}`, 200, http.Header{"Content-Type": {"application/json"}, "X-N": {"5"}, "X-B": {"true"}}, ``},
		"hop by hop":      {`{"statusCode":200,"headers":{"connection":"x","transfer-encoding":"chunked","content-length":"99","keep-alive":"1","upgrade":"h2c"},"body":"abc"}`, 200, json200, `abc`},
		"no content":      {`{"statusCode":204,"body":"dropped"}`, 204, json200, ``},
		"not modified":    {`{"statusCode":304,"body":"dropped"}`, 304, http.Header{}, ``},
		"redirect":        {`{"statusCode":302,"headers":{"Location":"/x"}}`, 302, http.Header{"Content-Type": {"application/json"}, "Location": {"/x"}}, ``},
		"not JSON":        {`Hello`, 502, json200, ""},
		"half":            {`{"statusCode":200`, 502, json200, ""},
		"more":            {`{"statusCode":200} x`, 502, json200, ""},
		"text after":      {`"a" "b"`, 502, json200, ""},
		"raw control":     {"\"a\x00b\"", 502, json200, ""},
		"status too low":  {`{"statusCode":199}`, 502, json200, ""},
		"status too high": {`{"statusCode":600}`, 502, json200, ""},
		"status nonsense": {`{"statusCode":[200]}`, 502, json200, ""},
		"status fraction": {`{"statusCode":200.5}`, 502, json200, ""},
		"headers list":    {`{"statusCode":200,"headers":["a"]}`, 502, json200, ""},
		"header list":     {`{"statusCode":200,"headers":{"a":["b"]}}`, 502, json200, ""},
		"header injected": {`{"statusCode":200,"headers":{"a":"b\r\nSet-Cookie: x=1"}}`, 502, json200, ""},
		"header name":     {`{"statusCode":200,"headers":{"a b":"c"}}`, 502, json200, ""},
		"cookie injected": {`{"statusCode":200,"cookies":["a=b\nX: y"]}`, 502, json200, ""},
		"cookies object":  {`{"statusCode":200,"cookies":{"a":"b"}}`, 502, json200, ""},
		"bad base64":      {`{"statusCode":200,"body":"!","isBase64Encoded":true}`, 502, json200, ""},
		"too deep":        {strings.Repeat("[", 20000) + strings.Repeat("]", 20000), 502, json200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{}, plainURL(), saying(c.doc))
			a := r.do(t, "GET", r.url, "")
			if c.status == 502 {
				c.body = `{"Message":"Internal Server Error"}`
				if !strings.Contains(r.log.String(), "not an HTTP response") {
					t.Errorf("log %q", r.log)
				}
			}
			if a.status != c.status || a.body != c.body {
				t.Fatalf("%d %q", a.status, a.body)
			}
			if c.status != 204 && c.status != 304 && a.header.Get("Content-Length") != strconv.Itoa(len(c.body)) {
				t.Errorf("Content-Length %q", a.header.Get("Content-Length"))
			}
			for _, ours := range []string{"Date", "Content-Length", "X-Amzn-Requestid", "X-Amzn-Trace-Id"} {
				if ours != "Content-Length" && a.header.Get(ours) == "" {
					t.Errorf("no %s", ours)
				}
				a.header.Del(ours)
			}
			if d := cmp.Diff(c.header, a.header); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBase64InPlace(t *testing.T) {
	raw := bytes.Repeat([]byte{0, 1, 2, 250, 251, 255, 77}, 10001)
	doc := `{"isBase64Encoded":true,"statusCode":200,"body":"` +
		strings.ReplaceAll(base64.StdEncoding.EncodeToString(raw), "/", `\/`) + `"}`
	r := newRig(t, Config{}, plainURL(), saying(doc))
	if a := r.do(t, "GET", r.url, ""); a.body != string(raw) {
		t.Fatalf("%d bytes differ", len(a.body))
	}
}

// The function does not choose the ids of the request.
func TestOwnHeadersStay(t *testing.T) {
	r := newRig(t, Config{}, plainURL(), saying(`{"statusCode":200,"headers":{"x-amzn-requestid":"mine","x-amzn-trace-id":"mine"}}`))
	a := r.do(t, "GET", r.url, "", "X-Amzn-Trace-Id", "Root=1-00000000-000000000000000000000000")
	if a.header.Get("X-Amzn-Requestid") == "mine" || a.header.Get("X-Amzn-Trace-Id") != "Root=1-00000000-000000000000000000000000" {
		t.Fatalf("%v", a.header)
	}
}

func TestHead(t *testing.T) {
	r := newRig(t, Config{}, plainURL(), saying(`{"statusCode":200,"body":"12345"}`))
	if a := r.do(t, "HEAD", r.url, ""); a.status != 200 || a.body != "" || a.header.Get("Content-Length") != "5" {
		t.Fatalf("%+v", a)
	}
	if strings.Contains(r.log.String(), "client left") {
		t.Fatal(r.log)
	}
}

// FuzzResponse compares the decoder with encoding/json.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{`{"statusCode":200,"headers":{"a":"b"},"cookies":["c"],"body":"\ud83d\ude00\n","isBase64Encoded":false}`,
		`"x"`, `{"a":1}`, `[1,2,{"b":null}]`, `{"statusCode":"404","body":{"x":[]}}`, `{"statusCode":200,"body":"QQ==","isBase64Encoded":true}`,
		`-0.1E+5`, `1e1000`, `{"body":"\ud800\u0041","statusCode":2e2}`, ` tru`, `{"statusCode":200,}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if !utf8.Valid(doc) {
			return // encoding/json repairs, the gateway passes through
		}
		valid := json.Valid(doc) // a number may be larger than Go has
		var r response
		wrong := parseAnswer(bytes.Clone(doc), &r)
		if len(bytes.Trim(doc, " \t\r\n")) == 0 {
			return
		}
		if !valid {
			if wrong == "" {
				t.Fatalf("took %q", doc)
			}
			return
		}
		var m map[string]json.RawMessage
		_ = json.Unmarshal(doc, &m) // fails where it is no object
		status := m["statusCode"]
		if status == nil || string(status) == "null" {
			if wrong != "" || r.status != 200 || !bytes.Equal(r.body, doc) {
				t.Fatalf("%q: %s, %+v", doc, wrong, r)
			}
			return
		}
		if wrong != "" {
			return
		}
		var text string
		if json.Unmarshal(status, &text) != nil {
			text = string(status)
		}
		if n, err := strconv.Atoi(text); err != nil || n != r.status || n < 200 || n > 599 {
			t.Fatalf("%q: status %d", doc, r.status)
		}
		body := m["body"]
		switch {
		case body == nil || string(body) == "null":
			body = nil
		case body[0] == '"':
			_ = json.Unmarshal(body, &text)
			body = []byte(text)
			if string(m["isBase64Encoded"]) == "true" {
				body, _ = base64.StdEncoding.DecodeString(text)
			}
		}
		if !bytes.Equal(body, r.body) {
			t.Fatalf("%q: body %q, want %q", doc, r.body, body)
		}
		for _, h := range r.headers {
			if !validName(h.key) || !validValue(h.value) || ebb.HopByHop(h.key) {
				t.Fatalf("%q: header %q: %q", doc, h.key, h.value)
			}
		}
	})
}

func BenchmarkResponse(b *testing.B) {
	body, _ := json.Marshal(`{"text":"` + strings.Repeat("x", 1000) + `"}`)
	for name, doc := range map[string]string{
		"custom":   `{"statusCode":200,"headers":{"content-type":"application/json","x-a":"b"},"body":` + string(body) + `}`,
		"inferred": `{"text":"` + strings.Repeat("x", 1000) + `"}`,
	} {
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, len(doc))
			var r response
			b.ReportAllocs()
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				copy(buf, doc)
				if wrong := parseAnswer(buf, &r); wrong != "" {
					b.Fatal(wrong)
				}
			}
		})
	}
}

// TestSenselessAnswersAreLoggedNowAndThen: a function that answers nonsense to all who
// come fills nobody's disk, and what is left out is counted.
func TestSenselessAnswersAreLoggedNowAndThen(t *testing.T) {
	r := newRig(t, Config{}, plainURL(), saying(`{"statusCode":1}`))
	for range 3 * faultsAtOnce {
		if a := r.do(t, "GET", r.url, ""); a.status != 502 {
			t.Fatalf("%d %q", a.status, a.body)
		}
	}
	// On a machine that is slow enough one period may pass, or two.
	if n := strings.Count(r.log.String(), "not an HTTP response"); n < faultsAtOnce || n > 2*faultsAtOnce {
		t.Errorf("%d of %d are logged", n, 3*faultsAtOnce)
	}
	var f faults
	at := time.Now()
	for range 100 {
		f.next(at)
	}
	if unlogged, logged := f.next(at.Add(faultPeriod)); unlogged != 100-faultsAtOnce || !logged {
		t.Errorf("after a period: %d, %t", unlogged, logged)
	}
}
