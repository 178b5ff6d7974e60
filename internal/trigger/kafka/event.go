package kafka

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// maxEvent is how large an event may be, in bytes: what Lambda lets a synchronous
// invocation have.
const maxEvent = 6 << 20

// record is one that waits or is being handled.
type record struct {
	*kgo.Record
	key, value             []byte // as the function gets them
	keySchema, valueSchema *schemaUse
	wrong                  error // why it cannot be read
}

// schemaUse tells which schema a key or value was written with.
type schemaUse struct {
	format string // AVRO, JSON
	id     string
}

// partName names a partition as events do.
func partName(topic string, partition int32) string {
	return topic + "-" + strconv.Itoa(int(partition))
}

// overhead is at most what a record adds to an event besides key, value and
// headers.
const overhead = 512

// size is at most how many bytes the record is in an event.
func (r *record) size() int {
	n := overhead + len(r.Topic) + base64.StdEncoding.EncodedLen(len(r.key)) + base64.StdEncoding.EncodedLen(len(r.value))
	for _, h := range r.Headers {
		n += 8 + 6*len(h.Key) + 5*len(h.Value)
	}
	return n
}

// appendEvent writes the event of records of one partition.
func appendEvent(b []byte, brokers []string, rs []*record) []byte {
	b = append(b, `{"eventSource":"SelfManagedKafka","bootstrapServers":`...)
	b = appendString(b, strings.Join(brokers, ","))
	b = append(b, `,"records":{`...)
	b = appendString(b, partName(rs[0].Topic, rs[0].Partition))
	b = append(b, ':', '[')
	for i, r := range rs {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.append(b)
	}
	return append(b, "]}}"...)
}

// append writes one record. A key or value that is null is left out.
func (r *record) append(b []byte) []byte {
	b = append(b, `{"topic":`...)
	b = appendString(b, r.Topic)
	b = append(b, `,"partition":`...)
	b = strconv.AppendInt(b, int64(r.Partition), 10)
	b = append(b, `,"offset":`...)
	b = strconv.AppendInt(b, r.Offset, 10)
	b = append(b, `,"timestamp":`...)
	b = strconv.AppendInt(b, r.Timestamp.UnixMilli(), 10)
	b = append(b, `,"timestampType":"`...)
	b = append(b, timestampType(r.Record)...)
	b = append(b, '"')
	b = appendBase64(b, `,"key":"`, r.key)
	b = appendBase64(b, `,"value":"`, r.value)
	b = append(b, `,"headers":[`...)
	for i, h := range r.Headers {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		b = appendString(b, h.Key)
		b = append(b, ':', '[')
		for j, c := range h.Value {
			if j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, int64(int8(c)), 10) // as Java has bytes: signed
		}
		b = append(b, ']', '}')
	}
	b = append(b, ']')
	b = r.keySchema.append(b, `,"keySchemaMetadata":`)
	b = r.valueSchema.append(b, `,"valueSchemaMetadata":`)
	return append(b, '}')
}

func (u *schemaUse) append(b []byte, name string) []byte {
	if u == nil {
		return b
	}
	b = append(b, name...)
	b = append(b, `{"dataFormat":`...)
	b = appendString(b, u.format)
	b = append(b, `,"schemaId":`...)
	b = appendString(b, u.id)
	return append(b, '}')
}

func appendBase64(b []byte, name string, value []byte) []byte {
	if value == nil {
		return b
	}
	b = append(b, name...)
	b = base64.StdEncoding.AppendEncode(b, value)
	return append(b, '"')
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, _ := json.Marshal(s) // strings always can
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// timestampType words who set a record's time.
func timestampType(r *kgo.Record) string {
	if r.Attrs.TimestampType() == 1 {
		return "LOG_APPEND_TIME"
	}
	return "CREATE_TIME"
}

// Sample implements trigger.Kind: an event with one record.
func (k *Kind) Sample(_ context.Context, t *ebb.Trigger) ([]byte, error) {
	s, err := Read(t)
	if err != nil {
		return nil, err
	}
	r := &record{
		Record: &kgo.Record{Topic: s.Topic, Timestamp: k.deps.Now().Truncate(time.Millisecond), Headers: []kgo.RecordHeader{{Key: "sample", Value: []byte("yes")}}},
		key:    []byte("sample"), value: []byte(`{"sample":true}`),
	}
	return appendEvent(nil, s.Brokers, []*record{r}), nil
}
