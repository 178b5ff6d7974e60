package kafka_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger/kafka"
)

// ok is a function that has no trouble.
func ok([]seen, string) (string, bool, error) { return "", false, nil }

// TestFilters: only what a pattern asks for is handed over, by key and value; what
// is no JSON matches no pattern that reads into it; what is filtered is committed.
func TestFilters(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	got := b.calls(ok)
	cl := client(t, c.Address)
	rs := records(name, `{"a":1}`, `{"a":2}`, "text", `{"a":`, `{"b":{"c":"x"}}`, "wanted", "5")
	rs = append(rs, &kgo.Record{Topic: name, Key: []byte("special"), Value: []byte("by key")}, &kgo.Record{Topic: name}, records(name, "last")[0])
	produce(t, cl, rs...)
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name}, func(t *ebb.Trigger) {
		for _, f := range []string{`{"value":{"a":[{"numeric":[">",1]}]}}`, `{"value":["wanted"]}`, `{"key":["special"]}`, `{"value":{"b":{"c":[{"prefix":"x"}]}}}`} {
			t.Filters = append(t.Filters, json.RawMessage(f))
		}
	})
	if all := b.after(cl, tr, name, 10, got); !slices.Equal(all, []string{`{"a":2} {"b":{"c":"x"}} wanted by key`}) {
		t.Errorf("the function got %q", all)
	}
	await(t, "the counts", func() bool { d := b.did(tr); return d.Filtered == 6 && d.Delivered == 4 })
}

// TestStart: a group without offsets begins where the trigger says, and that is
// kept when it is paused before it had a record; a partition that is made later is
// read from its start.
func TestStart(t *testing.T) {
	c := cluster(t)
	cl := client(t, c.Address)
	noon := time.Now().Truncate(time.Second)
	for start, want := range map[string]string{kafka.TrimHorizon: "before after new", kafka.Latest: "new", kafka.AtTimestamp: "after new"} {
		t.Run(start, func(t *testing.T) {
			b, name := open(t), topic(t, c, 1)
			got := b.calls(ok)
			rs := records(name, "before", "after")
			rs[0].Timestamp, rs[1].Timestamp = noon.Add(-time.Hour), noon.Add(time.Second)
			produce(t, cl, rs[0])
			produce(t, cl, rs[1])
			s := kafka.Settings{Brokers: []string{c.Address}, Topic: name, Start: start, Window: new(2000)}
			if start == kafka.AtTimestamp {
				s.StartTime = &noon
			}
			tr := b.reads(s, nil)
			await(t, "a begin", func() bool { ps, err := b.Positions(t.Context(), tr); return err == nil && len(ps) == 1 })
			if _, err := b.Pause(t.Context(), tr.TriggerKey); err != nil {
				t.Fatal(err)
			}
			produce(t, cl, records(name, "new")...)
			if _, err := b.Resume(t.Context(), tr.TriggerKey); err != nil {
				t.Fatal(err)
			}
			b.after(cl, tr, name, 3, got)
			if all := strings.Join(got(), " "); all != want {
				t.Errorf("the function got %q, want %q", all, want)
			}
		})
	}
}

// TestWindow: a batch goes when it is full, and else when its window is over.
func TestWindow(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	got := b.calls(ok)
	cl := client(t, c.Address)
	produce(t, cl, records(name, "1", "2", "3", "4", "5", "6", "7")...)
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, BatchSize: 3, Window: new(1000)}, nil)
	await(t, "full batches", func() bool { return len(got()) == 2 })
	if b.after(cl, tr, name, 7, got); !slices.Equal(got(), []string{"1 2 3", "4 5 6", "7"}) {
		t.Errorf("batches %q", got())
	}
}

// TestSeek: a trigger reads on from offsets, a time or a place, once.
func TestSeek(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	got := b.calls(ok)
	cl := client(t, c.Address)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	rs := records(name, "0", "1", "2")
	for i, r := range rs {
		r.Timestamp = at.Add(time.Duration(i) * time.Minute)
		produce(t, cl, r)
	}
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, BatchSize: 1}, nil)
	b.after(cl, tr, name, 3, got)
	for _, to := range []struct{ document, want string }{
		{`{"offsets":{"0":1}}`, "1 2"}, {`{"time":"` + at.Add(90*time.Second).UTC().Format(time.RFC3339) + `"}`, "2"}, {`{"position":"TRIM_HORIZON"}`, "0 1 2"},
	} {
		before := len(got())
		if _, err := b.Seek(t.Context(), tr.TriggerKey, json.RawMessage(to.document)); err != nil {
			t.Fatal(err)
		}
		n := len(strings.Fields(to.want))
		await(t, "the records of "+to.document, func() bool { return len(got()) >= before+n })
		if all := strings.Join(got()[before:], " "); all != to.want {
			t.Errorf("seek %s: %q, want %q", to.document, all, to.want)
		}
		await(t, "the commit", func() bool { return committed(t, cl, string(tr.ID), name, 1)[0] == 3 })
	}
	before := len(got())
	if _, err := b.Pause(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Resume(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, records(name, "3")...)
	if b.after(cl, tr, name, 4, got); !slices.Equal(got()[before:], []string{"3"}) {
		t.Errorf("after a change of the trigger: %q", got()[before:])
	}
	for _, bad := range []string{`{}`, `{"position":"x"}`, `{"offsets":{"a":1}}`, `{"offsets":{"0":-1}}`, `{"position":"LATEST","offsets":{"0":1}}`, `{"x":1}`} {
		if _, err := b.Seek(t.Context(), tr.TriggerKey, json.RawMessage(bad)); ebb.KindOf(err) != ebb.Invalid {
			t.Errorf("seek %s: %v", bad, err)
		}
	}
}

// TestForgottenCommits: a trigger that was paused for so long that the cluster has
// forgotten its group goes on where it was, and not from the start.
func TestForgottenCommits(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	got := b.calls(ok)
	cl := client(t, c.Address)
	produce(t, cl, records(name, "0", "1", "2")...)
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, BatchSize: 1}, nil)
	b.after(cl, tr, name, 3, got)
	await(t, "the position", func() bool {
		at := int64(0)
		err := b.store.Read(t.Context(), func(tx *store.Tx) error {
			ps, err := tx.TriggerPositions(tr.ID)
			for _, p := range ps {
				at = p.Position
			}
			return err
		})
		return err == nil && at == 3
	})
	if _, err := b.Pause(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	forget := kmsg.NewPtrDeleteGroupsRequest()
	forget.Groups = []string{string(tr.ID)}
	await(t, "the end of the group", func() bool {
		res, err := forget.RequestWith(t.Context(), cl)
		return err == nil && len(res.Groups) == 1 && res.Groups[0].ErrorCode == 0
	})
	produce(t, cl, records(name, "3")...)
	if _, err := b.Resume(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	if b.after(cl, tr, name, 4, got); !slices.Equal(got(), []string{"0", "1", "2", "3"}) {
		t.Errorf("handled %q", got())
	}
}

// TestOrder: lanes handle records of one partition side by side, but those of one
// key one after the other; what is committed does not pass a lane that lags.
func TestOrder(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	hold := make(chan struct{})
	got := b.calls(func(rs []seen, got string) (string, bool, error) {
		if strings.Contains(got, "slow") {
			<-hold
		}
		return "", false, nil
	})
	cl := client(t, c.Address)
	var rs []*kgo.Record
	for i := range 200 {
		rs = append(rs, &kgo.Record{Topic: name, Key: []byte(fmt.Sprint(i % 40)), Value: []byte(fmt.Sprint(i))})
	}
	rs[5].Value = []byte("slow")
	produce(t, cl, rs...)
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, BatchSize: 5, Parallel: 10, Window: new(10)}, nil)
	await(t, "the other lanes", func() bool {
		return strings.Contains(strings.Join(got(), " "), "slow") && len(strings.Fields(strings.Join(got(), " "))) > 120
	})
	if at := committed(t, cl, string(tr.ID), name, 1)[0]; at > 5 {
		t.Errorf("%d is committed while record 5 is being handled", at)
	}
	close(hold)
	b.after(cl, tr, name, 200, got)
	last := make(map[int]int)
	for _, v := range strings.Fields(strings.Join(got(), " ")) {
		n := 5
		if v != "slow" {
			_, _ = fmt.Sscan(v, &n)
		}
		if before, ok := last[n%40]; ok && before > n {
			t.Errorf("%d was handled after %d", n, before)
		}
		last[n%40] = n
	}
}

// TestSecurity: clusters are reached with each way to log in, over TLS with a
// private authority, with certificates; wrong passwords are said in the state.
func TestSecurity(t *testing.T) {
	c := cluster(t)
	cl := client(t, c.Address)
	login := fmt.Sprintf(`{"username":%q,"password":%q}`, real.secure.User, real.secure.Password)
	pair, err := json.Marshal(map[string]string{"certificate": real.secure.Certificate, "privateKey": real.secure.Key})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]kafka.Settings{
		"plain":     {Brokers: []string{c.SASL}, Access: []kafka.Access{{Type: kafka.BasicAuth, Secret: "secret://login"}}},
		"scram-256": {Brokers: []string{c.SASL}, Access: []kafka.Access{{Type: kafka.ScramSHA256, Secret: "secret://login"}}},
		"scram-512-tls": {Brokers: []string{c.SASLTLS}, Access: []kafka.Access{
			{Type: kafka.ScramSHA512, Secret: "arn:aws:secretsmanager:us-east-1:000000000000:secret:login"}, {Type: kafka.RootCA, Secret: "secret://ca"}}},
		"mutual": {Brokers: []string{c.TLS}, Access: []kafka.Access{{Type: kafka.ClientCertificate, Secret: "secret://pair"}, {Type: kafka.RootCA, Secret: "secret://ca"}}},
	} {
		t.Run(name, func(t *testing.T) {
			b, topic := open(t), topic(t, c, 1)
			b.secrets = map[string]string{"login": login, "ca": real.secure.CA, "pair": string(pair)}
			got := b.calls(ok)
			produce(t, cl, records(topic, "a")...)
			s.Topic = topic
			b.after(cl, b.reads(s, nil), topic, 1, got)
		})
	}
	t.Run("wrong", func(t *testing.T) {
		b, topic := open(t), topic(t, c, 1)
		b.secrets = map[string]string{"login": `{"username":"ebb","password":"wrong"}`}
		tr := b.reads(kafka.Settings{Brokers: []string{c.SASL}, Topic: topic, Access: []kafka.Access{{Type: kafka.BasicAuth, Secret: "secret://login"}}}, nil)
		await(t, "the refusal", func() bool {
			s, err := b.State(t.Context(), tr)
			return err == nil && strings.Contains(s.Error, "SASL_AUTHENTICATION_FAILED")
		})
	})
}

// TestRefused: settings that cannot work are refused, naming the field.
func TestRefused(t *testing.T) {
	b := open(t)
	b.secrets = map[string]string{"text": "no JSON", "empty": `{}`, "pair": `{"certificate":"x","privateKey":"y"}`}
	for want, settings := range map[string]string{
		"kafka: ":                     `{"x":1}`,
		"kafka.brokers: 0":            `{"topic":"t"}`,
		"kafka.brokers[0]: ":          `{"topic":"t","brokers":["localhost"]}`,
		"kafka.topic: ":               `{"topic":"a/b","brokers":["h:1"]}`,
		"kafka.group: ":               `{"topic":"t","brokers":["h:1"],"group":"a b"}`,
		"kafka.start: ":               `{"topic":"t","brokers":["h:1"],"start":"SOON"}`,
		"kafka.startTime: missing":    `{"topic":"t","brokers":["h:1"],"start":"AT_TIMESTAMP"}`,
		"kafka.startTime: only":       `{"topic":"t","brokers":["h:1"],"startTime":"2026-01-01T00:00:00Z"}`,
		"kafka.batchSize: 10001":      `{"topic":"t","brokers":["h:1"],"batchSize":10001}`,
		"kafka.window: 300001":        `{"topic":"t","brokers":["h:1"],"window":300001}`,
		"kafka.parallel: 11":          `{"topic":"t","brokers":["h:1"],"parallel":11}`,
		"kafka.minPollers: 3":         `{"topic":"t","brokers":["h:1"],"minPollers":3,"maxPollers":2}`,
		"kafka.access[0].type: ":      `{"topic":"t","brokers":["h:1"],"access":[{"type":"MAGIC","secret":"secret://a"}]}`,
		"kafka.access[0].secret: ":    `{"topic":"t","brokers":["h:1"],"access":[{"type":"BASIC_AUTH","secret":"password"}]}`,
		"kafka.access: there is no":   `{"topic":"t","brokers":["h:1"],"access":[{"type":"BASIC_AUTH","secret":"secret://none"}]}`,
		"kafka.access: secret text":   `{"topic":"t","brokers":["h:1"],"access":[{"type":"BASIC_AUTH","secret":"secret://text"}]}`,
		"has no username":             `{"topic":"t","brokers":["h:1"],"access":[{"type":"BASIC_AUTH","secret":"secret://empty"}]}`,
		"certificate and privateKey":  `{"topic":"t","brokers":["h:1"],"access":[{"type":"CLIENT_CERTIFICATE_TLS_AUTH","secret":"secret://pair"}]}`,
		"holds no certificate":        `{"topic":"t","brokers":["h:1"],"access":[{"type":"SERVER_ROOT_CA_CERTIFICATE","secret":"secret://empty"}]}`,
		"kafka.access: one way":       `{"topic":"t","brokers":["h:1"],"access":[{"type":"BASIC_AUTH","secret":"secret://a"},{"type":"SASL_SCRAM_256_AUTH","secret":"secret://a"}]}`,
		"kafka.registry.url: ":        `{"topic":"t","brokers":["h:1"],"registry":{"url":"x"}}`,
		"kafka.registry.format: ":     `{"topic":"t","brokers":["h:1"],"registry":{"url":"http://x","format":"XML"}}`,
		"kafka.registry.validate: ":   `{"topic":"t","brokers":["h:1"],"registry":{"url":"http://x","validate":["HEAD"]}}`,
		"onFailure: topic t is":       `{"topic":"t","brokers":["h:1"]}`,
		"kafka.access[1].type: BASIC": `{"topic":"t","brokers":["h:1"],"access":[{"type":"BASIC_AUTH","secret":"secret://a"},{"type":"BASIC_AUTH","secret":"secret://a"}]}`,
	} {
		tr := ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: ebb.DefaultService, Name: "t"}, Kind: ebb.TriggerKafka, Target: function, Settings: json.RawMessage(settings)}
		if strings.HasPrefix(want, "onFailure") {
			tr.OnFailure = "kafka://t"
		}
		if _, err := b.Create(t.Context(), tr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", settings, err, want)
		}
	}
}

// TestOtherTarget: a target that is no function gets the event durably.
func TestOtherTarget(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	cl := client(t, c.Address)
	produce(t, cl, records(name, "a", "b")...)
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name}, func(t *ebb.Trigger) {
		t.Target = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
	})
	await(t, "the commit", func() bool { return committed(t, cl, string(tr.ID), name, 1)[0] == 2 })
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.sent) == 0 || !strings.HasPrefix(b.sent[0], string(tr.ID)+".0.0-1 "+`{"eventSource"`) {
		t.Errorf("sent %q", b.sent)
	}
}
