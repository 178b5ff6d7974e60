package kafka

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Conditions of a failure record: why records were given up.
const (
	conditionRetries    = "RetryAttemptsExhausted"
	conditionAge        = "RecordAgeExceeded"
	conditionTooLarge   = "MaximumPayloadSizeExceeded"
	conditionUnreadable = "RecordUnreadable"
)

// failure is what a failure destination gets, as AWS has it.
type failure struct {
	RequestContext  requestContext   `json:"requestContext"`
	ResponseContext *responseContext `json:"responseContext"`
	Version         string           `json:"version"`
	Timestamp       string           `json:"timestamp"`
	Batch           batchFacts       `json:"KafkaBatchInfo"`
	Payload         any              `json:"payload,omitempty"` // the event; in a bucket, as a string
}

type requestContext struct {
	RequestID   ebb.InvocationID `json:"requestId"`
	FunctionARN string           `json:"functionArn"`
	Condition   string           `json:"condition"`
	Count       int              `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

type batchFacts struct {
	BatchSize        int               `json:"batchSize"`
	BootstrapServers string            `json:"bootstrapServers"`
	PayloadSize      int               `json:"payloadSize"`
	Records          map[string]extent `json:"recordsInfo,omitempty"`
	Record           *place            `json:"recordInfo,omitempty"` // of a topic: one record each
}

type extent struct {
	FirstOffset string `json:"firstRecordOffset"`
	LastOffset  string `json:"lastRecordOffset"`
	FirstTime   string `json:"firstRecordTimestamp"`
	LastTime    string `json:"lastRecordTimestamp"`
}

type place struct {
	Offset    string `json:"offset"`
	Timestamp string `json:"timestamp"`
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// giveUp hands records to the failure destination, or lets them go where there is
// none, and says that they are handled. It returns early when the partition is let
// go.
func (l *lane) giveUp(rs []*record, condition, why string, c call) {
	s := l.p.m.s
	for wait := newBackoff(); ; {
		err := l.report(rs, condition, c)
		if err == nil {
			break
		}
		s.problem("failure destination: " + wording(err))
		if !l.p.again(wait, rs...) {
			l.over = true
			return
		}
	}
	first := rs[0]
	s.k.deps.Log.Warn("records were given up", "service", s.t.Service, "trigger", s.t.Name, "condition", condition, "error", why,
		"partition", partName(first.Topic, first.Partition), "first", first.Offset, "records", len(rs), "destination", s.t.OnFailure)
	l.p.done(rs)
}

// report returns nil when the failure destination has the records for good and
// they are counted.
func (l *lane) report(rs []*record, condition string, c call) error {
	s := l.p.m.s
	write := func(*store.Tx) error { return nil }
	switch {
	case s.t.OnFailure == "":
	case s.onFailure.Kind == ebb.TargetKafka:
		if err := l.produce(rs, condition, c); err != nil {
			return err
		}
	default:
		event := appendEvent(nil, s.settings.Brokers, rs)
		f := s.failure(rs, condition, c, len(event))
		f.Batch.Records = map[string]extent{partName(rs[0].Topic, rs[0].Partition): span(rs)}
		if f.Payload = json.RawMessage(event); s.onFailure.Kind == ebb.TargetS3 {
			f.Payload = string(event)
		}
		content, err := encode(f)
		if err != nil {
			return err
		}
		folder := "aws/lambda/" + string(s.t.ID) + "/" + partName(rs[0].Topic, rs[0].Partition)
		if write, err = s.k.deps.Fail(context.Background(), s.t, "failed."+s.eventID(rs), folder, content); err != nil {
			return err
		}
	}
	if err := s.k.deps.Store.Tx(context.Background(), write); err != nil {
		return err
	}
	s.count(ebb.TriggerCounts{Taken: int64(len(rs)), Dead: int64(len(rs)), Result: "records were given up: " + condition, ResultAt: s.k.deps.Now()})
	return nil
}

// produce writes each record to a topic of the cluster that it came from.
func (l *lane) produce(rs []*record, condition string, c call) error {
	s := l.p.m.s
	var out []*kgo.Record
	for _, r := range rs {
		event := appendEvent(nil, s.settings.Brokers, []*record{r})
		f := s.failure([]*record{r}, condition, c, len(event))
		f.Batch.Record = &place{strconv.FormatInt(r.Offset, 10), r.Timestamp.UTC().Format(timeFormat)}
		f.Payload = json.RawMessage(event)
		content, err := encode(f)
		if err != nil {
			return err
		}
		out = append(out, &kgo.Record{Topic: s.onFailure.Topic, Key: r.Key, Value: content, Headers: r.Headers})
	}
	return l.p.m.cl.ProduceSync(context.Background(), out...).FirstErr()
}

func (s *source) failure(rs []*record, condition string, c call, size int) *failure {
	f := &failure{
		RequestContext: requestContext{RequestID: c.request, FunctionARN: s.t.Target, Condition: condition, Count: c.count},
		Version:        "1.0", Timestamp: s.k.deps.Now().UTC().Format(timeFormat),
		Batch: batchFacts{BatchSize: len(rs), BootstrapServers: s.servers, PayloadSize: size},
	}
	if c.version != "" {
		f.ResponseContext = &responseContext{http.StatusOK, c.version, c.failure}
	}
	return f
}

func span(rs []*record) extent {
	first, last := rs[0], rs[len(rs)-1]
	return extent{
		strconv.FormatInt(first.Offset, 10), strconv.FormatInt(last.Offset, 10),
		first.Timestamp.UTC().Format(timeFormat), last.Timestamp.UTC().Format(timeFormat),
	}
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
