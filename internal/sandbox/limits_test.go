package sandbox

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefaultsLeaveNothingUnlimited(t *testing.T) {
	l := Limits{}.WithDefaults()
	want := Limits{MemoryMB: 128, CPUWeight: 74, PIDs: 1024, Files: 1024, FileSizeMB: 627, TmpMB: 512, ShmMB: 64}
	if l != want {
		t.Errorf("defaults are %+v", l)
	}
	given := Limits{MemoryMB: 1769, CPUWeight: 5, PIDs: 6, Files: 7, FileSizeMB: 8, TmpMB: 9, ShmMB: 10}
	if got := given.WithDefaults(); got != given {
		t.Errorf("what was given became %+v", got)
	}
	if w := (Limits{MemoryMB: 1769}).WithDefaults().CPUWeight; w != 1024 {
		t.Errorf("1769 MB weigh %d, want one vCPU", w)
	}
	if w := (Limits{MemoryMB: 1}).WithDefaults().CPUWeight; w != 2 {
		t.Errorf("the least weight is %d", w)
	}
}

func TestValidateNamesTheField(t *testing.T) {
	for field, err := range map[string]error{
		"ID":     (&Spec{ID: "A"}).Validate(),
		"Mounts": (&Spec{ID: "a", Mounts: []Mount{{Source: "/a", Target: "/a/"}}}).Validate(),
		"Root":   (&Spec{ID: "a", Root: "relative"}).Validate(),
		"Argv":   (&Process{Argv: []string{"./a"}, Dir: "/"}).Validate(),
		"Dir":    (&Process{Argv: []string{"/a"}}).Validate(),
	} {
		if ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := (&Spec{ID: "a-1", Mounts: []Mount{{Source: "/", Target: "/host"}}}).Validate(); err != nil {
		t.Error(err)
	}
	if err := (&Process{Argv: []string{"./a"}, Dir: "/"}).ValidateInRoot(); err != nil {
		t.Error(err)
	}
	if err := (&Process{Argv: []string{""}, Dir: "/"}).ValidateInRoot(); err == nil {
		t.Error("no program is accepted")
	}
	if err := (&Process{Argv: []string{"/a", ""}, Dir: "/"}).Validate(); err != nil {
		t.Error(err)
	}
}
