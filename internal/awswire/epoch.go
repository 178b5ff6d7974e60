package awswire

import (
	"encoding/json"
	"strconv"
	"time"
)

// Epoch is a timestamp member: seconds since 1970 with milliseconds, as a JSON
// number.
type Epoch struct{ time.Time }

// MarshalJSON writes the number.
func (e Epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(e.UnixMilli())/1000, 'f', -1, 64), nil
}

// UnmarshalJSON reads the number; text is refused.
func (e *Epoch) UnmarshalJSON(b []byte) error {
	var s float64
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	e.Time = time.UnixMilli(int64(s * 1000)).UTC()
	return nil
}
