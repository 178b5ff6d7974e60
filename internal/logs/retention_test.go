package logs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A service's own retention goes before that of all, for its functions only.
func TestRetentionOfAService(t *testing.T) {
	s := open(t, Config{Retention: 48 * time.Hour})
	appendLines(s, time.Now().Add(-30*time.Hour), 0, 10)
	sealEverything(t, s)
	appendLines(s, time.Now(), 10, 20)
	s.flushDirty()
	s.SetRetention("999999999999", time.Hour)
	if n := len(collect(t, s, Query{})); n != 20 {
		t.Errorf("%d lines under another service's retention", n)
	}
	s.SetRetention(key.Service, 24*time.Hour)
	if diff := cmp.Diff(numbered(10, 20), texts(collect(t, s, Query{}))); diff != "" {
		t.Error(diff)
	}
	s.SetRetention(key.Service, 0)
	if n := len(collect(t, s, Query{})); n != 20 {
		t.Errorf("%d lines after it was taken away", n)
	}
	s.SetRetention(key.Service, 24*time.Hour)
	s.retain(time.Now())
	s.SetRetention(key.Service, 0)
	if diff := cmp.Diff(numbered(10, 20), texts(collect(t, s, Query{}))); diff != "" {
		t.Errorf("on the disk: %s", diff)
	}
}
