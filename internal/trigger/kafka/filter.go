package kafka

import (
	"encoding/json"
	"strconv"

	"github.com/ebb-faas/ebb/internal/trigger"
)

// asked reports whether a record is to be handed over. Filters see it as it stands
// in an event, but the key and the value as what they are: an object or a list, if
// that is what they spell in JSON, else a string.
func (s *source) asked(r *record) bool {
	if len(s.t.Filters) == 0 {
		return true
	}
	event := map[string]any{
		"topic": r.Topic, "partition": json.Number(strconv.Itoa(int(r.Partition))), "offset": json.Number(strconv.FormatInt(r.Offset, 10)),
		"timestamp": json.Number(strconv.FormatInt(r.Timestamp.UnixMilli(), 10)), "timestampType": timestampType(r.Record),
	}
	if r.key != nil {
		event["key"] = trigger.Data(r.key)
	}
	if r.value != nil {
		event["value"] = trigger.Data(r.value)
	}
	return s.filter.MatchValue(event)
}
