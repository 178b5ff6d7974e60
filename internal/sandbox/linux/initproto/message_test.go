package initproto

import (
	"reflect"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fullSetup() Setup {
	return Setup{
		Root: "/r", Image: "/i", Hostname: "h",
		Links:  []Link{{"/bin", "usr/bin"}},
		Files:  []File{{"/run/hosts", "127.0.0.1 localhost\n"}, {"/x", ""}},
		Mounts: []Mount{{"/a", "/b", true}, {"/c", "/d", false}},
		Places: []string{"/var/task"}, TmpFD: true, ImageFD: true, Disk: true, Range: 1 << 30, NoProc: true, ShmBytes: 1 << 40, Uncounted: true,
	}
}

func fullStart() Start {
	return Start{
		Number: 1 << 33, Argv: []string{"/bin/true", ""}, Env: []string{"A=1"}, Dir: "/",
		UID: 700000, GID: 12, Groups: []uint32{3, 4}, Range: 1 << 30, Framed: true, AttachLater: true, Rlimits: []Rlimit{{7, 1024}, {4, 0}},
		Landlock: 6, Writable: []string{"/tmp"}, Uncounted: true,
	}
}

func TestRoundTrip(t *testing.T) {
	setup, start := fullSetup(), fullStart()
	exit, signal, failed := Exit{3, 0x8b, 1 << 33, 1 << 34}, Signal{15}, Failed{4, "mount", "/x", 2}
	attach, dial, dialed := Attach{3, true, []string{"/var/task", "/opt"}}, Dial{1 << 40, 65535, true}, Dialed{7, 111}
	relay, flow := Relay{9}, Flow{10, Address{"\x0a\x00\x00\x01", 53}, Address{"0123456789abcdef", 40000}}
	folder, cradle, adopt := Folder{5, "/srv/nas"}, Cradle{6, 4, []string{"/tmp", "/dev/shm"}}, Adopt{8, 1 << 20}
	var folder2 Folder
	var cradle2 Cradle
	var adopt2 Adopt
	var relay2 Relay
	var flow2 Flow
	var attach2 Attach
	var dial2 Dial
	var dialed2 Dialed
	var setup2 Setup
	var start2 Start
	var exit2 Exit
	var signal2 Signal
	var failed2 Failed
	ok := setup2.Decode(setup.Encode()) && start2.Decode(start.Encode()) &&
		exit2.Decode(exit.Encode()) && signal2.Decode(signal.Encode()) && failed2.Decode(failed.Encode()) && attach2.Decode(attach.Encode()) &&
		dial2.Decode(dial.Encode()) && dialed2.Decode(dialed.Encode()) &&
		relay2.Decode(relay.Encode()) && flow2.Decode(flow.Encode()) && folder2.Decode(folder.Encode()) &&
		cradle2.Decode(cradle.Encode()) && adopt2.Decode(adopt.Encode())
	if !ok {
		t.Fatal("a message that was encoded whole is refused")
	}
	for _, pair := range [][2]any{{setup, setup2}, {start, start2}, {exit, exit2}, {signal, signal2}, {failed, failed2}, {attach, attach2}, {dial, dial2}, {dialed, dialed2}, {relay, relay2}, {flow, flow2}, {folder, folder2}, {cradle, cradle2}, {adopt, adopt2}} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("sent %+v, got %+v", pair[0], pair[1])
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	setup, start := fullSetup(), fullStart()
	for _, whole := range [][]byte{setup.Encode(), start.Encode()} {
		for n := range len(whole) {
			var s Setup
			var p Start
			if s.Decode(whole[:n]) || p.Decode(whole[:n]) {
				t.Fatalf("%d of %d bytes are accepted", n, len(whole))
			}
		}
		if longer := append(whole[:len(whole):len(whole)], 0); new(Setup).Decode(longer) || new(Start).Decode(longer) {
			t.Fatal("a byte too many is accepted")
		}
	}
}

func TestAddressesHaveTheirLength(t *testing.T) {
	m := Flow{1, Address{"abc", 1}, Address{"abcd", 1}}
	if new(Flow).Decode(m.Encode()) {
		t.Error("an address of three bytes is accepted")
	}
}

// FuzzDecode: what is taken for a message is one, which says the same when it is
// sent again.
func FuzzDecode(f *testing.F) {
	setup, start := fullSetup(), fullStart()
	for _, m := range []message{
		&setup, &start, &Exit{3, 0x8b, 1 << 33, 1 << 34}, &Signal{15}, &Failed{5, "a", "b", 3}, &Attach{3, true, []string{"/opt"}},
		&Dial{1 << 40, 65535, true}, &Dialed{7, 111}, &Relay{9}, &Flow{10, Address{"\x0a\x00\x00\x01", 53}, Address{"0123456789abcdef", 40000}},
		&Folder{5, "/srv/nas"}, &Cradle{6, 4, []string{"/tmp"}}, &Adopt{8, 1 << 20},
	} {
		f.Add(m.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, empty := range []func() message{
			func() message { return new(Setup) }, func() message { return new(Start) }, func() message { return new(Exit) },
			func() message { return new(Signal) }, func() message { return new(Failed) }, func() message { return new(Attach) },
			func() message { return new(Dial) }, func() message { return new(Dialed) }, func() message { return new(Relay) },
			func() message { return new(Flow) }, func() message { return new(Folder) }, func() message { return new(Cradle) },
			func() message { return new(Adopt) },
		} {
			got, again := empty(), empty()
			if !got.Decode(b) {
				continue
			}
			if !again.Decode(got.Encode()) || !reflect.DeepEqual(got, again) {
				t.Errorf("%x: %+v became %+v", b, got, again)
			}
		}
	})
}

// message is each of those that there are.
type message interface {
	Encode() []byte
	Decode([]byte) bool
}
