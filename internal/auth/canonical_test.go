package auth

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestSignatureOfTheDocumentation: the example that AWS documents.
func TestSignatureOfTheDocumentation(t *testing.T) {
	r := httptest.NewRequest("GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	v := newVerifier(Config{}, Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}, Principal{}, false)
	got, err := v.sign(r, &claim{
		region: "us-east-1", service: "iam", signed: []string{"content-type", "host", "x-amz-date"}, rawQuery: r.URL.RawQuery,
		date: time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC),
	}, emptyHash)
	if want := "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

// TestSignsLikeTheSDK: whatever stands in path, query and headers, what the SDK
// signs is accepted, in the header and in the query, and not with another secret.
func TestSignsLikeTheSDK(t *testing.T) {
	const seed, cases = 20261122, 400
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	part := func() string {
		var b strings.Builder
		for range random.IntN(5) {
			b.WriteString(pick("a", "Z", "9", "-", "_", ".", "~", "%20", "%2F", "%C3%A9", "%25", "%3A", ":", "$", "@", "!", "*", "(", ",", "%2B", "%3D"))
		}
		return b.String()
	}
	other := testRoot
	other.SecretAccessKey += "x"
	for n := range cases {
		s := signing{method: pick("GET", "POST", "PUT"), service: pick("lambda", "s3", "states"), region: pick("us-east-1", "eu-west-1"),
			url: "http://127.0.0.1:9080", header: map[string]string{}}
		for range random.IntN(4) {
			s.url += "/" + part()
		}
		for i := range random.IntN(5) {
			s.url += "?&"[min(i, 1):][:1]
			s.url += pick("a", "b", "a-b", "a.b", "aB", "a%2Fb", "X") + pick("", "=", "="+part(), "=x+y")
		}
		for range random.IntN(3) {
			s.header[pick("X-Amz-Meta-A", "Content-Type", "X-Amz-Target", "X-Ebb-Note")] = pick("a", " a  b ", "a,b", "  ", "a    b   c", "é", "")
		}
		if s.method != "GET" {
			s.body = pick("", "{}", strings.Repeat("x", 2000))
		}
		about := fmt.Sprintf("case %d: %s %s %v", n, s.method, s.url, s.header)
		if _, err := testAuth().Authenticate(s.signed(t), []byte(s.body)); err != nil {
			t.Errorf("%s: %v", about, err)
		}
		inQuery := s
		if s.service == serviceS3 { // what S3's presigned requests are signed with
			inQuery.hash = unsignedPayload
		}
		if _, err := testAuth().Authenticate(inQuery.presigned(t, "60"), []byte(s.body)); err != nil {
			t.Errorf("%s, presigned: %v", about, err)
		}
		s.key = other
		if _, err := testAuth().Authenticate(s.signed(t), []byte(s.body)); err == nil {
			t.Errorf("%s: accepted with another secret", about)
		}
	}
}
