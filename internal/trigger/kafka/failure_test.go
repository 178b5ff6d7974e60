package kafka_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/trigger/kafka"
)

// values writes the values of records on one line.
func values(t *testing.T, rs []seen) string {
	var all []string
	for _, r := range rs {
		all = append(all, r.text(t, r.Value))
	}
	return strings.Join(all, " ")
}

// calls has a function whose answers the test gives, and keeps what it got.
func (b *bench) calls(answer func(rs []seen, got string) (string, bool, error)) func() []string {
	var mu sync.Mutex
	var all []string
	b.serve(func(rs []seen, _ []byte) (string, bool, error) {
		got := values(b.t, rs)
		mu.Lock()
		all = append(all, got)
		mu.Unlock()
		return answer(rs, got)
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// records are values of one partition, in order.
func records(topic string, values ...string) (rs []*kgo.Record) {
	for _, v := range values {
		rs = append(rs, &kgo.Record{Topic: topic, Key: []byte("k" + v), Value: []byte(v)})
	}
	return rs
}

// after waits until the group has committed n, and tells what the function got.
func (b *bench) after(cl *kgo.Client, tr *ebb.Trigger, topic string, n int64, got func() []string) []string {
	b.t.Helper()
	await(b.t, fmt.Sprintf("offset %d", n), func() bool { return committed(b.t, cl, string(tr.ID), topic, 1)[0] == n })
	return got()
}

// TestRetries: a batch whose function fails is tried again as often as the policy
// says, then it goes to the failure destination whole, as AWS writes it, and the
// records behind it are handled. Throttles do not count.
func TestRetries(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	throttled := 3
	got := b.calls(func(_ []seen, got string) (string, bool, error) {
		if throttled > 0 {
			throttled--
			return "", false, ebb.Errorf(ebb.Throttled, ebb.TypeTooManyRequests, "Rate Exceeded.")
		}
		return "", strings.Contains(got, "bad"), nil
	})
	cl := client(t, c.Address)
	produce(t, cl, records(name, "a", "bad", "c", "d")...)
	retries := 2
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, BatchSize: 3}, func(t *ebb.Trigger) {
		t.MaxRetries, t.OnFailure = &retries, "arn:aws:s3:::failures"
	})
	want := []string{"a bad c", "a bad c", "a bad c", "a bad c", "a bad c", "a bad c", "d"}
	if all := b.after(cl, tr, name, 4, got); !slices.Equal(all, want) {
		t.Errorf("the function got %q, want %q", all, want)
	}
	if len(b.sent) != 1 {
		t.Fatalf("sent %q", b.sent)
	}
	p := strings.SplitN(b.sent[0], " ", 3)
	var f struct {
		RequestContext struct {
			RequestID, FunctionArn, Condition string
			Count                             int `json:"approximateInvokeCount"`
		}
		ResponseContext struct {
			StatusCode                     int
			ExecutedVersion, FunctionError string
		}
		Version, Timestamp string
		Batch              struct {
			BatchSize        int
			BootstrapServers string
			PayloadSize      int
			RecordsInfo      map[string]map[string]string
		} `json:"KafkaBatchInfo"`
		Payload string
	}
	if err := json.Unmarshal([]byte(p[2]), &f); err != nil {
		t.Fatal(err)
	}
	info := f.Batch.RecordsInfo[name+"-0"]
	if p[0] != "failed."+string(tr.ID)+".0.0-2" || p[1] != "aws/lambda/"+string(tr.ID)+"/"+name+"-0" || f.RequestContext.Condition != "RetryAttemptsExhausted" ||
		f.RequestContext.Count != 3 || f.RequestContext.FunctionArn != function || f.RequestContext.RequestID == "" || f.ResponseContext.FunctionError != "Unhandled" ||
		f.ResponseContext.StatusCode != 200 || f.Batch.BatchSize != 3 || f.Batch.BootstrapServers != c.Address || f.Batch.PayloadSize != len(f.Payload) ||
		info["firstRecordOffset"] != "0" || info["lastRecordOffset"] != "2" || !strings.HasPrefix(f.Payload, `{"eventSource":"SelfManagedKafka"`) || f.Version != "1.0" {
		t.Errorf("the failure's record: %s", b.sent[0])
	}
	await(t, "the counts", func() bool { d := b.did(tr); return d.Dead == 3 && d.Delivered == 1 && d.Taken == 4 })
}

// TestBisect: a batch that fails is split until what fails is alone, without using
// up retries.
func TestBisect(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	got := b.calls(func(_ []seen, got string) (string, bool, error) { return "", strings.Contains(got, "bad"), nil })
	cl := client(t, c.Address)
	produce(t, cl, records(name, "a", "b", "bad", "d")...)
	retries := 1
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, BatchSize: 4, Bisect: true}, func(t *ebb.Trigger) { t.MaxRetries = &retries })
	want := []string{"a b bad d", "a b", "bad d", "bad", "bad", "d"}
	if all := b.after(cl, tr, name, 4, got); !slices.Equal(all, want) {
		t.Errorf("the function got %q, want %q", all, want)
	}
}

// TestPartialFailure: what a function reports is tried again from the first failed
// record on, which alone is given up; what it must not report fails the batch.
func TestPartialFailure(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	n := 0
	got := b.calls(func(rs []seen, got string) (string, bool, error) {
		n++
		item := func(partition string, offset int64) string {
			return fmt.Sprintf(`{"batchItemFailures":[{"itemIdentifier":{"partition":%q,"offset":%d}}]}`, partition, offset)
		}
		switch n {
		case 1:
			return item(name+"-0", 99), false, nil // not in the batch
		case 2:
			return `{"batchItemFailures":[{"itemIdentifier":"0"}]}`, false, nil // of other sources
		case 3:
			return "no JSON", false, nil
		}
		for _, r := range rs {
			if r.text(b.t, r.Value) == "bad" {
				return item(name+"-0", r.Offset), false, nil
			}
		}
		return "null", false, nil
	})
	cl := client(t, c.Address)
	produce(t, cl, records(name, "a", "bad", "c", "d")...)
	retries := 5
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, BatchSize: 4, ReportFailures: true}, func(t *ebb.Trigger) {
		t.MaxRetries, t.OnFailure = &retries, "arn:aws:lambda:us-east-1:000000000000:function:failed"
	})
	want := []string{"a bad c d", "a bad c d", "a bad c d", "a bad c d", "bad c d", "bad c d", "bad c d", "bad c d", "bad c d", "c d"}
	if all := b.after(cl, tr, name, 4, got); !slices.Equal(all, want) {
		t.Errorf("the function got %q, want %q", all, want)
	}
	if len(b.sent) != 1 || !strings.Contains(b.sent[0], `"batchSize":1`) {
		t.Errorf("sent %q", b.sent)
	}
}

// TestAge: records that are older than they may be are given up, tried or not.
func TestAge(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	got := b.calls(func([]seen, string) (string, bool, error) { return "", false, nil })
	cl := client(t, c.Address)
	rs := records(name, "old", "older", "new")
	rs[0].Timestamp, rs[1].Timestamp = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Hour)
	produce(t, cl, rs...)
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name}, func(t *ebb.Trigger) {
		t.MaxAgeS, t.OnFailure = 60, "arn:aws:s3:::failures"
	})
	if all := b.after(cl, tr, name, 3, got); !slices.Equal(all, []string{"new"}) {
		t.Errorf("the function got %q", all)
	}
	if len(b.sent) != 1 || !strings.Contains(b.sent[0], "RecordAgeExceeded") || !strings.Contains(b.sent[0], `"batchSize":2`) {
		t.Errorf("sent %q", b.sent)
	}
}

// TestTooLarge: a batch is cut at what an event may hold; a record that is larger
// alone does not block those behind it.
func TestTooLarge(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	var mu sync.Mutex
	var sizes, lengths []int
	b.serve(func(rs []seen, payload []byte) (string, bool, error) {
		mu.Lock()
		sizes, lengths = append(sizes, len(payload)), append(lengths, len(rs))
		mu.Unlock()
		return "", false, nil
	})
	cl := client(t, c.Address, kgo.ProducerBatchMaxBytes(8<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	big := func(n int) *kgo.Record { return &kgo.Record{Topic: name, Value: make([]byte, n)} }
	produce(t, cl, big(2<<20), big(2<<20), big(2<<20), big(5<<20), big(10))
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name}, func(t *ebb.Trigger) { t.OnFailure = "arn:aws:s3:::failures" })
	await(t, "the last", func() bool { return committed(t, cl, string(tr.ID), name, 1)[0] == 5 })
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(lengths, []int{2, 1, 1}) {
		t.Errorf("batches of %v records", lengths)
	}
	for _, n := range sizes {
		if n > 6<<20 {
			t.Errorf("an event of %d bytes", n)
		}
	}
	if len(b.sent) != 1 || !strings.Contains(b.sent[0], "MaximumPayloadSizeExceeded") {
		t.Errorf("sent %d failures", len(b.sent))
	}
}

// TestFailureTopic: a topic of the same cluster gets each failed record with what
// happened, under the record's own key and headers.
func TestFailureTopic(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	if err := c.CreateTopic(t.Context(), name+"-failed", 1); err != nil {
		t.Fatal(err)
	}
	b.calls(func([]seen, string) (string, bool, error) { return "", true, nil })
	cl := client(t, c.Address)
	rs := records(name, "a", "b")
	rs[1].Headers = []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}
	produce(t, cl, rs...)
	none := 0
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name}, func(t *ebb.Trigger) {
		t.MaxRetries, t.OnFailure = &none, "kafka://"+name+"-failed"
	})
	await(t, "the commit", func() bool { return committed(t, cl, string(tr.ID), name, 1)[0] == 2 })
	reader := client(t, c.Address, kgo.ConsumeTopics(name+"-failed"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var failed []*kgo.Record
	await(t, "failures", func() bool {
		failed = append(failed, reader.PollRecords(t.Context(), 2).Records()...)
		return len(failed) == 2
	})
	if string(failed[1].Key) != "kb" || len(failed[1].Headers) != 1 || !strings.Contains(string(failed[1].Value), `"recordInfo":{"offset":"1","timestamp":"`) ||
		!strings.Contains(string(failed[1].Value), `"payload":{"eventSource":"SelfManagedKafka"`) {
		t.Errorf("failure %s", failed[1].Value)
	}
}
