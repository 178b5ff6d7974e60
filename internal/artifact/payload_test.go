package artifact

import (
	"bytes"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestPayloads(t *testing.T) {
	s, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	put := func(text string) ebb.Digest {
		t.Helper()
		d, err := s.PutPayload(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	kept, gone := put("kept"), put("gone")
	if put("kept") != kept {
		t.Error("the same content has two digests")
	}
	if got, err := s.Payload(t.Context(), gone); err != nil || !bytes.Equal(got, []byte("gone")) {
		t.Errorf("%q %v", got, err)
	}
	keep := map[ebb.Digest]bool{kept: true}
	if n, err := s.CollectPayloads(t.Context(), keep, time.Hour); n != 0 || err != nil {
		t.Errorf("%d young ones removed, %v", n, err)
	}
	if n, err := s.CollectPayloads(t.Context(), keep, -time.Hour); n != 1 || err != nil {
		t.Errorf("%d removed, %v", n, err)
	}
	if all, err := s.Payloads(); err != nil || len(all) != 1 || all[0] != kept {
		t.Errorf("%v %v", all, err)
	}
	for _, d := range []ebb.Digest{gone, "../../etc/passwd"} {
		if _, err := s.Payload(t.Context(), d); ebb.KindOf(err) != ebb.NotFound {
			t.Errorf("%s: %v", d, err)
		}
	}
}
