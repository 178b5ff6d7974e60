package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/trigger/kafka/kafkatest"
	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// kafkaBroker starts a real Kafka for the test.
func kafkaBroker(t *testing.T) *kafkatest.Broker {
	t.Helper()
	dir, err := os.MkdirTemp("", "ebb-kafka-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b, err := kafkatest.Start(t.Context(), kafkatest.Config{Dir: dir})
	kafkatest.Check(t, err)
	t.Cleanup(func() {
		if err := b.Kill(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// countsRecords is a function that logs what it gets.
const countsRecords = `
exports.handler = async (event) => {
  for (const [part, records] of Object.entries(event.records))
    for (const r of records) {
      const value = Buffer.from(r.value, 'base64').toString()
      console.log('got ' + part + ' ' + r.offset + ' ' + Buffer.from(r.key || '', 'base64') + '=' + value)
      if (value === 'poison') throw new Error('poison')
    }
}`

// TestKafka: a topic is read by a function in Node; the mapping is made, listed,
// changed and deleted with three SDKs, and is a trigger; a record that always fails
// goes to a topic of failures; a foreign producer's records come as well; a seek
// has them again.
func TestKafka(t *testing.T) {
	t.Parallel()
	b := kafkaBroker(t)
	for topic, n := range map[string]int{"payments": 3, "failed": 1} {
		if err := b.CreateTopic(t.Context(), topic, n); err != nil {
			t.Fatal(err)
		}
	}
	f := deploy(t, platform.Function{Runtime: "nodejs", Handler: "index.handler", Files: map[string]string{"index.js": countsRecords}})
	out, errs, code, err := shared.Python(t.Context(), "testdata/eventsourcemapping.py", f, b.Address)
	if err != nil || code != 0 {
		t.Fatalf("exit %d, %v:\n%s%s", code, err, out, errs)
	}
	api := shared.Lambda()
	made, err := api.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: aws.String(f), Topics: []string{"payments"}, StartingPosition: types.EventSourcePositionTrimHorizon, BatchSize: aws.Int32(10),
		SelfManagedEventSource: &types.SelfManagedEventSource{Endpoints: map[string][]string{"KAFKA_BOOTSTRAP_SERVERS": {b.Address}}},
		MaximumRetryAttempts:   aws.Int32(1), BisectBatchOnFunctionError: aws.Bool(true), ParallelizationFactor: aws.Int32(2),
		MaximumBatchingWindowInSeconds: aws.Int32(1),
		DestinationConfig:              &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("kafka://failed")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(made.State) != "Creating" || aws.ToInt32(made.BatchSize) != 10 || made.Topics[0] != "payments" {
		t.Errorf("made %+v", made)
	}
	var tr *client.Trigger
	for _, x := range triggersOf(t, f) {
		tr = &x
	}
	if tr == nil || tr.Kind != "kafka" {
		t.Fatal("the mapping is no trigger")
	}
	text, err := b.Tool(t.Context(), []byte("k1:one\nk2:two\nk3:poison\nk1:three\n"), "kafka.tools.ConsoleProducer",
		"--bootstrap-server", b.Address, "--topic", "payments", "--property", "parse.key=true", "--property", "key.separator=:")
	if err != nil {
		t.Fatal(err, string(text))
	}
	for _, want := range []string{"k1=one", "k2=two", "k3=poison", "k1=three"} {
		await(t, "the record "+want, func() bool { return strings.Contains(cli(t, shared, 0, "logs", f), want) })
	}
	failed := oneRecord(t, b, "failed")
	var record struct {
		RequestContext struct {
			Condition string `json:"condition"`
			Count     int    `json:"approximateInvokeCount"`
		} `json:"requestContext"`
		Batch struct {
			BatchSize int `json:"batchSize"`
		} `json:"KafkaBatchInfo"`
		Payload struct {
			EventSource string `json:"eventSource"`
		} `json:"payload"`
	}
	if err := json.Unmarshal(failed.Value, &record); err != nil {
		t.Fatal(err)
	}
	if string(failed.Key) != "k3" || record.RequestContext.Condition != "RetryAttemptsExhausted" || record.RequestContext.Count != 2 ||
		record.Batch.BatchSize != 1 || record.Payload.EventSource != "SelfManagedKafka" {
		t.Errorf("failure %s: %s", failed.Key, failed.Value)
	}
	await(t, "no lag", func() bool {
		shown, err := shared.Client.Trigger(t.Context(), tr.Name)
		return err == nil && shown.State.Lag != nil && *shown.State.Lag == 0 && len(shown.State.Parts) == 3
	})
	got, err := api.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: made.UUID})
	if err != nil || aws.ToString(got.State) != "Enabled" {
		t.Errorf("%+v, %v", got, err)
	}
	// Again, from the start.
	cli(t, shared, 2, "trigger", "seek", tr.Name)
	cli(t, shared, 0, "trigger", "seek", tr.Name, "--earliest")
	await(t, "the records again", func() bool { return strings.Count(cli(t, shared, 0, "logs", f, "--limit", "1000"), "k2=two") >= 2 })
	cli(t, shared, 0, "trigger", "pause", tr.Name)
	if got, err = api.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: made.UUID}); err != nil || aws.ToString(got.State) != "Disabled" {
		t.Errorf("paused: %+v, %v", got, err)
	}
	if gone, err := api.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: made.UUID}); err != nil || aws.ToString(gone.State) != "Deleting" {
		t.Errorf("%+v, %v", gone, err)
	}
	if len(triggersOf(t, f)) != 0 {
		t.Error("the trigger is still there")
	}
}

func triggersOf(t *testing.T, f string) []client.Trigger {
	t.Helper()
	all, err := shared.Client.Triggers(t.Context(), "kafka", f)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// oneRecord waits for the first record of a topic.
func oneRecord(t *testing.T, b *kafkatest.Broker, topic string) *kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for end := time.Now().Add(limit); time.Now().Before(end); {
		fetches := cl.PollFetches(t.Context())
		if rs := fetches.Records(); len(rs) > 0 {
			return rs[0]
		}
	}
	t.Fatal("no record in " + topic)
	return nil
}

// TestKafkaCommandLine: a trigger made on the command line is a mapping of the
// Lambda API, and the AWS command line sees and deletes it.
func TestKafkaCommandLine(t *testing.T) {
	t.Parallel()
	b := kafkaBroker(t)
	if err := b.CreateTopic(t.Context(), "audit", 1); err != nil {
		t.Fatal(err)
	}
	f := deploy(t, platform.Function{Runtime: "nodejs", Handler: "index.handler", Files: map[string]string{"index.js": countsRecords}})
	tr := name(t)
	cli(t, shared, 2, "trigger", "kafka", tr, f, "--broker", b.Address)
	cli(t, shared, 2, "trigger", "kafka", tr, f, "--broker", b.Address, "--topic", "audit", "--login", "plain=secret://nothing-there")
	cli(t, shared, 0, "trigger", "kafka", tr, f, "--broker", b.Address, "--topic", "audit", "--batch", "7", "--retries", "3", "--filter", `{"value":{"a":[1]}}`)
	list := func() (out struct {
		EventSourceMappings []struct {
			UUID                 string
			BatchSize            int
			MaximumRetryAttempts int
			State                string
			FilterCriteria       struct{ Filters []struct{ Pattern string } }
		}
	}) {
		t.Helper()
		stdout, stderr, code, err := shared.AWS(t.Context(), "lambda", "list-event-source-mappings", "--function-name", f, "--output", "json")
		if err != nil || code != 0 {
			t.Fatal(err, stderr)
		}
		if err := json.Unmarshal([]byte(stdout), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	all := list().EventSourceMappings
	if len(all) != 1 || all[0].BatchSize != 7 || all[0].MaximumRetryAttempts != 3 || all[0].State != "Enabled" || all[0].FilterCriteria.Filters[0].Pattern != `{"value":{"a":[1]}}` {
		t.Fatalf("listed %+v", all)
	}
	if _, stderr, code, err := shared.AWS(t.Context(), "lambda", "delete-event-source-mapping", "--uuid", all[0].UUID); err != nil || code != 0 {
		t.Fatal(err, stderr)
	}
	if got := list().EventSourceMappings; len(got) != 0 {
		t.Errorf("after it was deleted: %+v", got)
	}
	kafkaFailureInBucket(t, b)
}

// kafkaFailureInBucket has records that always fail end in a bucket of the
// platform's own endpoint: one object for the batch, in AWS's folders, with the
// event as text.
func kafkaFailureInBucket(t *testing.T, b *kafkatest.Broker) {
	t.Helper()
	c, to := buckets(t, shared), strings.ToLower(name(t))
	bucket(t, c, to)
	tr := name(t) + "-bucket"
	f := tr
	if err := shared.Create(t.Context(), platform.Function{Name: f, Runtime: "nodejs", Handler: "index.handler",
		Files: map[string]string{"index.js": "exports.handler = async () => { throw new Error('never') }"}}); err != nil {
		t.Fatal(err)
	}
	if err := b.CreateTopic(t.Context(), "lost", 1); err != nil {
		t.Fatal(err)
	}
	text, err := b.Tool(t.Context(), []byte("one\ntwo\n"), "kafka.tools.ConsoleProducer", "--bootstrap-server", b.Address, "--topic", "lost")
	if err != nil {
		t.Fatal(err, string(text))
	}
	cli(t, shared, 0, "trigger", "kafka", tr, f, "--broker", b.Address, "--topic", "lost", "--retries", "1", "--on-failure", "arn:aws:s3:::"+to)
	var listed *s3.ListObjectsV2Output
	await(t, "the failure record", func() bool {
		if listed, err = c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &to}); err != nil {
			t.Fatal(err)
		}
		return len(listed.Contents) > 0
	})
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &to, Key: listed.Contents[0].Key})
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	record := decode[struct {
		RequestContext struct {
			Condition string `json:"condition"`
			Count     int    `json:"approximateInvokeCount"`
		} `json:"requestContext"`
		Batch struct {
			BatchSize int `json:"batchSize"`
		} `json:"KafkaBatchInfo"`
		Payload string `json:"payload"`
	}](t, string(content))
	key, folders := *listed.Contents[0].Key, regexp.MustCompile(`^aws/lambda/[0-9a-f-]{36}/lost-0/\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-.`)
	if !folders.MatchString(key) || record.RequestContext.Condition != "RetryAttemptsExhausted" || record.RequestContext.Count != 2 ||
		record.Batch.BatchSize < 1 || !strings.Contains(record.Payload, `"topic":"lost"`) {
		t.Errorf("%s: %s", key, content)
	}
	await(t, "no lag", func() bool {
		shown, err := shared.Client.Trigger(t.Context(), tr)
		return err == nil && shown.State.Lag != nil && *shown.State.Lag == 0 && shown.State.Counts.Dead == 2
	})
	cli(t, shared, 0, "trigger", "rm", tr)
	cli(t, shared, 0, "rm", f, "--yes")
}

// TestKafkaOnTwoNodes: one node reads an idle topic; when records wait, both do
// within seconds, and when one of them is killed, the other one reads all
// partitions. Most of its minute is waiting: for a session that ends, and for a
// member that is not needed for so long that it goes.
func TestKafkaOnTwoNodes(t *testing.T) {
	t.Parallel()
	const records, keys = 4000, 40
	k := kafkaBroker(t)
	if err := k.CreateTopic(t.Context(), "orders", 4); err != nil {
		t.Fatal(err)
	}
	n := newNodes(t)
	a, b := n.start(0), n.start(1)
	f := node(`
exports.handler = async (event) => {
  for (const r of Object.values(event.records)[0]) console.log('got ' + Buffer.from(r.value, 'base64') + '.')
  await new Promise((go) => setTimeout(go, 200))
}`)
	f.Name = "f"
	if err := a.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{"brokers": []string{k.Address}, "topic": "orders", "batchSize": 2, "window": 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Client.CreateTrigger(t.Context(), "orders", client.TriggerSettings{Target: "f", Kafka: settings}); err != nil {
		t.Fatal(err)
	}
	members := func(p *platform.Platform) bool {
		_, text := scrapeOf(t, p)
		return strings.Contains(text, `ebb_trigger_members{service="000000000000",trigger="orders"} 1`)
	}
	await(t, "one member", func() bool { return members(a) != members(b) })
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Address))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var rs []*kgo.Record
	for i := range records {
		rs = append(rs, &kgo.Record{Topic: "orders", Key: fmt.Appendf(nil, "k%d", i%keys), Value: fmt.Appendf(nil, "r%04d", i)})
	}
	if err := cl.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	await(t, "a member on each node", func() bool { return members(a) && members(b) })
	await(t, "records handled by each", func() bool {
		_, one := scrapeOf(t, a)
		_, two := scrapeOf(t, b)
		const some = `ebb_trigger_events_total{kind="kafka",outcome="delivered",service="000000000000",trigger="orders"}`
		return strings.Contains(one, some) && strings.Contains(two, some)
	})
	positions := func() map[string]int64 {
		tr, err := a.Client.Trigger(t.Context(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		at := make(map[string]int64)
		for _, p := range tr.State.Parts {
			at[p.Part] = p.Position
		}
		return at
	}
	if err := b.Kill(); err != nil {
		t.Fatal(err)
	}
	before := positions()
	await(t, "all partitions going on", func() bool {
		now := positions()
		for part, at := range before {
			if now[part] <= at {
				return false
			}
		}
		return len(now) == 4
	})
	c := n.start(1) // it clears away what the one that was killed has left
	await(t, "a member on each node again", func() bool { return members(a) && members(c) })
	// A quicker function leaves nothing that waits: then one member is enough.
	zip, err := platform.Zip(map[string]string{"index.js": "exports.handler = async () => {}"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Lambda().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("f"), ZipFile: zip}); err != nil {
		t.Fatal(err)
	}
	if err := platform.Poll(t.Context(), 4*limit, func() error {
		if members(a) == members(c) {
			return errors.New("both nodes, or none, have a member")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	await(t, "no lag", func() bool {
		tr, err := a.Client.Trigger(t.Context(), "orders")
		return err == nil && tr.State.Lag != nil && *tr.State.Lag == 0
	})
}
