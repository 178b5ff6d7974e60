package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ebb-faas/ebb/internal/trigger/kafka/kafkatest"
	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// remembers is a function that keeps what it was given in memory, where a full disk
// does not take it away, and answers with it.
const remembers = `
got = []
def handler(event, context):
    if "records" not in event:
        return got
    import base64
    for records in event["records"].values():
        for r in records:
            got.append(base64.b64decode(r["value"]).decode())
            if got[-1] == "poison":
                raise ValueError("poison")
`

// TestFullDiskAndKafka: while the disk is full, records are handled and nothing is
// committed beyond one whose failure record found no room; ebb is killed then, and
// with room again every record has been handled, and the failure record comes.
func TestFullDiskAndKafka(t *testing.T) {
	disk := small(t, 64)
	b, err := kafkatest.Start(t.Context(), kafkatest.Config{Dir: filepath.Join(t.TempDir(), "kafka")})
	kafkatest.Check(t, err)
	defer func() { _ = b.Kill() }()
	must(t, b.CreateTopic(t.Context(), "t", 1))
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address))
	must(t, err)
	defer cl.Close()
	produce := func(values ...string) {
		t.Helper()
		for _, v := range values {
			must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte(v)}).FirstErr())
		}
	}
	data, args := filepath.Join(disk, "data"), configured(t, quick)
	p := start(t, data, args...)
	f := python("f", remembers)
	f.Env = map[string]string{"EBB_INSTANCE_CONCURRENCY": "10"} // so that one instance knows all
	create(t, p, f, python("h", "def handler(event, context):\n    pass\n"), python("g", "def handler(event, context):\n    if event['KafkaBatchInfo']['recordsInfo']['t-0']['firstRecordOffset'] != '4':\n        raise ValueError(event)\n"))
	settings, err := json.Marshal(map[string]any{"brokers": []string{b.Address}, "topic": "t", "group": "g", "batchSize": 1, "window": 1})
	must(t, err)
	retries := 0
	_, err = p.Client.CreateTrigger(t.Context(), "k", client.TriggerSettings{Target: "f", Kafka: settings, MaxRetries: &retries, OnFailure: "g"})
	must(t, err)
	got := func() (values []string) {
		t.Helper()
		must(t, json.Unmarshal([]byte(invoke(t, p, "f", "{}")), &values))
		return values
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		must(t, platform.Poll(t.Context(), limit, func() error {
			if !ok() {
				return errors.New("no sign of " + what)
			}
			return nil
		}))
	}
	produce("r0", "r1", "r2")
	until("the first records", func() bool { return committedOffset(t, cl, "g", "t") == 3 })

	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	exhaust(t, p)
	produce("r3", "poison") // and no more: what is handled after it is asked would not be known
	until("the record that fails", func() bool { return slices.Contains(got(), "poison") })
	before := got()
	must(t, p.Kill())
	must(t, os.Remove(filler))
	p = start(t, data, args...)
	produce("r5", "r6")
	until("the end", func() bool { return committedOffset(t, cl, "g", "t") == 7 })
	all := append(before, got()...)
	for _, want := range []string{"r0", "r1", "r2", "r3", "poison", "r5", "r6"} {
		if !slices.Contains(all, want) {
			t.Errorf("%s was committed and not handled: %q", want, all)
		}
	}
	// What the function printed may have found no room: what became of it is told.
	eventually(t, func() error {
		var states []string
		err := p.Client.Tasks(t.Context(), client.TaskFilter{Function: "g"}, 0, func(task client.Task) error {
			states = append(states, task.State)
			return nil
		})
		if err == nil && !slices.Equal(states, []string{"Succeeded"}) {
			err = fmt.Errorf("failure records: %q", states)
		}
		return err
	})
}

// exhaust has a platform on a full disk take events until there is no room left
// for the smallest, in what its files have to spare.
func exhaust(t *testing.T, p *platform.Platform) {
	t.Helper()
	for size := 200_000; size > 0; size /= 8 {
		body := `"` + strings.Repeat("x", size) + `"`
		for n, refused := 0, 0; refused < 5 && n < 1000; n++ {
			if send(t.Context(), p, "h", fmt.Sprintf("filler-%d-%d", size, n), body) != nil {
				refused++
			}
		}
	}
}

// committedOffset is the next record of partition 0 that a group will read.
func committedOffset(t *testing.T, cl *kgo.Client, group, topic string) int64 {
	t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	gt := kmsg.NewOffsetFetchRequestGroupTopic()
	gt.Topic, gt.Partitions = topic, []int32{0}
	g.Topics = append(g.Topics, gt)
	req.Groups = append(req.Groups, g)
	res, err := req.RequestWith(context.WithoutCancel(t.Context()), cl)
	must(t, err)
	for _, g := range res.Groups {
		for _, gt := range g.Topics {
			for _, p := range gt.Partitions {
				return p.Offset
			}
		}
	}
	return -1
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
