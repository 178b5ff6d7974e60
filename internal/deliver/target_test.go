package deliver_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/objects"
)

var sample = deliver.Delivery{
	Request: "r-1", Function: ebb.FunctionKey{Service: service, Name: "f"}, Content: []byte(`{"version":"1.0"}`),
	At:         time.Date(2026, 11, 22, 12, 30, 5, 0, time.UTC),
	Attributes: map[string]string{"RequestID": "r-1", "ErrorCode": "200", "ErrorMessage": "two\nlines"},
}

func target(t *testing.T, arn string) ebb.Target {
	t.Helper()
	to, err := ebb.ParseTarget(arn)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestHTTPTarget(t *testing.T) {
	var got *http.Request
	var body []byte
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		if status == http.StatusFound {
			w.Header().Set("Location", "http://127.0.0.1:1/")
		}
		w.WriteHeader(status)
	}))
	defer srv.Close()
	to := target(t, "arn:aws:http:::"+srv.URL+"/hook?x=1")

	closed := deliver.NewHTTP(deliver.HTTPConfig{})
	defer func() { _ = closed.Close() }()
	if err := closed.Deliver(t.Context(), to, &sample); err == nil || !strings.Contains(err.Error(), "deliver.http.private") || got != nil {
		t.Errorf("an address of this machine: %v", err)
	}
	open := deliver.NewHTTP(deliver.HTTPConfig{Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer func() { _ = open.Close() }()
	if err := open.Deliver(t.Context(), to, &sample); err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || got.URL.RequestURI() != "/hook?x=1" || string(body) != string(sample.Content) ||
		got.Header.Get("Content-Type") != "application/json" || got.Header.Get("X-Ebb-Request-Id") != "r-1" ||
		got.Header.Get("X-Ebb-Attribute-ErrorMessage") != "two lines" {
		t.Errorf("got %+v %s", got, body)
	}
	for _, status = range []int{302, 400, 503} {
		if err := open.Deliver(t.Context(), to, &sample); err == nil {
			t.Errorf("status %d passed for a delivery", status)
		}
	}
}

func TestS3Target(t *testing.T) {
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer srv.Close()
	buckets := objects.New(objects.Config{Endpoint: srv.URL, AccessKeyID: "AKIA", SecretAccessKey: "secret"})
	defer buckets.Close()
	s := deliver.NewS3(buckets)
	if err := s.Deliver(t.Context(), target(t, "arn:aws:s3:::bucket/some/prefix"), &sample); err != nil {
		t.Fatal(err)
	}
	if got.Method != "PUT" || got.URL.Path != "/bucket/some/prefix/aws/lambda/async/f/2026/11/22/2026-11-22T12.30.05-r-1" ||
		string(body) != string(sample.Content) || got.Header.Get("X-Amz-Meta-Errorcode") != "200" ||
		!strings.HasPrefix(got.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIA/") {
		t.Errorf("got %s %s %+v %s", got.Method, got.URL, got.Header, body)
	}
}

func TestKafkaTarget(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "results"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	k := deliver.NewKafka(deliver.KafkaConfig{Brokers: cluster.ListenAddrs()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, arn := range []string{"kafka://results", "arn:aws:kafka:::topic/results"} {
		if err := k.Deliver(ctx, target(t, arn), &sample); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Deliver(ctx, target(t, "kafka://none"), &sample); err == nil {
		t.Error("a topic that is not there took a delivery")
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("results"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var all []*kgo.Record
	for len(all) < 2 && ctx.Err() == nil {
		all = append(all, reader.PollFetches(ctx).Records()...)
	}
	if len(all) != 2 {
		t.Fatalf("%d records", len(all))
	}
	for _, r := range all {
		if string(r.Key) != "r-1" || string(r.Value) != string(sample.Content) || len(r.Headers) != 3 {
			t.Errorf("got %+v", r)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for _, arn := range []string{
		"", "x", "kafka://", "kafka://..", "kafka://a b", "arn:aws:kafka:::results", "arn:aws:s3:::", "arn:aws:s3:::B",
		"arn:aws:http:::ftp://host/", "arn:aws:http:::https://user:pass@host/", "arn:aws:http:::", "arn:aws:sqs:us-east-1:000000000000:q",
		"arn:aws:sns:us-east-1:000000000000:t", "arn:aws:lambda:us-east-1:000000000000:layer:x", "arn:aws:states:us-east-1:000000000000:activity:x",
	} {
		if to, err := ebb.ParseTarget(arn); ebb.TypeOf(err) != ebb.TypeInvalidParameterValue {
			t.Errorf("%q is %+v, %v", arn, to, err)
		}
	}
}
