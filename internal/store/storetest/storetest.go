package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Service is the service that the suite's functions belong to.
const Service = ebb.DefaultService

// Run runs the suite. open returns a fresh, empty database and closes it when
// the test ends.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	for name, test := range map[string]func(*testing.T, *store.Store){
		"Function":            testFunction,
		"FunctionDelete":      testFunctionDelete,
		"Version":             testVersion,
		"VersionUpdate":       testVersionUpdate,
		"VersionNumber":       testVersionNumber,
		"VersionLists":        testVersionLists,
		"VersionCode":         testVersionCode,
		"Alias":               testAlias,
		"AliasKeepsVersion":   testAliasKeepsVersion,
		"Layer":               testLayer,
		"LayerLists":          testLayerLists,
		"LayerDigests":        testLayerDigests,
		"FunctionPolicy":      testFunctionPolicy,
		"LayerPolicy":         testLayerPolicy,
		"Message":             testMessage,
		"MessageLanes":        testMessageLanes,
		"MessageEnds":         testMessageEnds,
		"MessageLists":        testMessageLists,
		"EventInvokeConfig":   testEventInvokeConfig,
		"FunctionURL":         testFunctionURL,
		"Reserved":            testReserved,
		"Provisioned":         testProvisioned,
		"FunctionURLs":        testFunctionURLs,
		"Runtime":             testRuntime,
		"Recursion":           testRecursion,
		"Trigger":             testTrigger,
		"TriggerState":        testTriggerState,
		"TriggerCounts":       testTriggerCounts,
		"TriggerPositions":    testPosition,
		"EventSeen":           testEventSeen,
		"RouteClaim":          testRouteClaim,
		"APIKey":              testAPIKey,
		"Object":              testObject,
		"Seen":                testSeen,
		"Fire":                testFire,
		"Calendar":            testCalendar,
		"StateMachine":        testStateMachine,
		"MachineVersions":     testStateMachineVersions,
		"Execution":           testExecution,
		"ExecutionEvents":     testExecutionEvents,
		"ExecutionTask":       testExecutionTask,
		"Activity":            testActivity,
		"MapRun":              testMapRun,
		"Service":             testService,
		"ServiceContents":     testServiceContents,
		"ServiceDelete":       testServiceDelete,
		"Publisher":           testPublisher,
		"CodeSigning":         testCodeSigning,
		"Key":                 testKey,
		"Role":                testRole,
		"Secret":              testSecret,
		"SecretUsers":         testSecretUsers,
		"MasterKey":           testMasterKey,
		"Node":                testNode,
		"Lease":               testLease,
		"LeaseRace":           testLeaseRace,
		"Now":                 testNow,
		"Change":              testChange,
		"ChangeOrder":         testChangeOrder,
		"TxNothingAfterError": testTxNothingAfterError,
		"TxSerial":            testTxSerial,
		"TxErrorUndoesOne":    testTxErrorUndoesOne,
		"TxPanicUndoesOne":    testTxPanicUndoesOne,
		"TxConcurrent":        testTxConcurrent,
		"TxCancelledBefore":   testTxCancelledBefore,
		"TxIsDeadAfterwards":  testTxIsDeadAfterwards,
		"ReadSeesCommitted":   testReadSeesCommitted,
		"ReadIsOneSnapshot":   testReadIsOneSnapshot,
		"CallsAfterClose":     testCallsAfterClose,
		"ErrorsKeepTheirKind": testErrorsKeepTheirKind,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Key names a function of the suite's service.
func Key(name string) ebb.FunctionKey { return ebb.FunctionKey{Service: Service, Name: name} }

// At is a time that the database keeps as it is.
func At(ms int64) time.Time { return time.UnixMilli(1_790_000_000_000 + ms).UTC() }

// Digest makes the n-th of some digests.
func Digest(n int) ebb.Digest { return ebb.Digest(fmt.Sprintf("%064x", n)) }

// Version makes version number of a function with every field set.
func Version(name string, number int64) *ebb.Version {
	return &ebb.Version{
		FunctionKey: Key(name), Number: number,
		RevisionID:  fmt.Sprintf("rev-%s-%d", name, number),
		Description: "says héllo", Runtime: "python3", Handler: "app.handler",
		Role:     "arn:aws:iam::000000000000:role/r",
		MemoryMB: 256, TimeoutS: 7, TmpMB: 1024, Architecture: "x86_64", PackageType: "Zip",
		Env:  map[string]string{"GREETING": "hé\"llo\n", "EMPTY": ""},
		Code: ebb.Code{Digest: Digest(1), Size: 1234},
		Image: &ebb.Image{URI: "r/app:1", Resolved: "r/app@sha256:1",
			Config: ebb.ImageConfig{EntryPoint: []string{"/run"}, Command: []string{"a", ""}, WorkingDirectory: "/srv"}},
		Layers:      []ebb.Layer{{ARN: "arn:aws:lambda:us-east-1:000000000000:layer:l:1", Code: ebb.Code{Digest: Digest(7), Size: 70}}},
		FileSystems: []ebb.FileSystem{{ARN: "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0", Path: "/mnt/a"}},
		PerTenant:   true,
		LogFormat:   "JSON", DeadLetter: "arn:aws:s3:::dead", State: ebb.StateFailed, UpdateStatus: ebb.UpdateFailed, StateReason: "because",
		LastModified: At(number + 1),
	}
}

// Must runs fn in a Tx that has to succeed.
func Must(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Tx(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// Read runs fn in a Read that has to succeed.
func Read(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Read(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// Insert adds a function with its $LATEST.
func Insert(tx *store.Tx, name string) error {
	if err := tx.InsertFunction(&ebb.Function{FunctionKey: Key(name), CreatedAt: At(0)}); err != nil {
		return err
	}
	return tx.InsertVersion(Version(name, 0))
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("differs (-want +got):\n%s", d)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func names(vs []*ebb.Version) (s []string) {
	for _, v := range vs {
		s = append(s, v.Name+":"+v.Qualifier())
	}
	return s
}

func testTxErrorUndoesOne(t *testing.T, s *store.Store) {
	refused := errors.New("refused")
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error {
		if err := Insert(tx, "gone"); err != nil {
			return err
		}
		return refused
	}), refused)
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "kept") })
	Read(t, s, func(tx *store.Tx) error {
		_, err := tx.Function(Key("gone"))
		is(t, err, store.ErrNotFound)
		_, err = tx.Function(Key("kept"))
		return err
	})
}

func testTxPanicUndoesOne(t *testing.T, s *store.Store) {
	err := s.Tx(t.Context(), func(tx *store.Tx) error {
		if err := Insert(tx, "gone"); err != nil {
			return err
		}
		panic("ouch")
	})
	if err == nil || ebb.KindOf(err) != ebb.Internal {
		t.Fatalf("a panic came back as %v", err)
	}
	if err := s.Read(t.Context(), func(*store.Tx) error { panic("ouch") }); err == nil {
		t.Fatal("a panic in Read came back as nil")
	}
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "kept") })
	Read(t, s, func(tx *store.Tx) error {
		_, err := tx.Function(Key("gone"))
		is(t, err, store.ErrNotFound)
		_, err = tx.Function(Key("kept"))
		return err
	})
}

// Every caller gets its own outcome, and exactly what succeeded is there.
func testTxConcurrent(t *testing.T, s *store.Store) {
	const callers, each = 16, 12
	refused := errors.New("refused")
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				name := fmt.Sprintf("f-%d-%d", c, i)
				err := s.Tx(t.Context(), func(tx *store.Tx) error {
					if err := Insert(tx, name); err != nil {
						return err
					}
					if i%3 == 0 {
						return refused
					}
					return nil
				})
				if want := i%3 == 0; errors.Is(err, refused) != want || err != nil && !want {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	wg.Wait()
	Read(t, s, func(tx *store.Tx) error {
		n, err := tx.CountFunctions(Service)
		if want := callers * each * 2 / 3; err == nil && n != want {
			t.Errorf("%d functions, want %d", n, want)
		}
		return err
	})
}

// PostgreSQL runs nothing after a statement that failed, so no engine does: a
// fn that goes on, or passes over the error, fails everywhere.
func testTxNothingAfterError(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	err := s.Tx(t.Context(), func(tx *store.Tx) error {
		is(t, Insert(tx, "f"), store.ErrExists)
		err := Insert(tx, "g")
		if err == nil || errors.Is(err, store.ErrExists) {
			t.Errorf("a statement after one that failed: %v", err)
		}
		return nil
	})
	if err == nil {
		t.Fatal("committed although a statement had failed")
	}
	Read(t, s, func(tx *store.Tx) error {
		_, err := tx.Function(Key("g"))
		is(t, err, store.ErrNotFound)
		return nil
	})
}

// What a fn read still holds when it commits: many that each look, and then
// write what they saw plus one, count right.
func testTxSerial(t *testing.T, s *store.Store) {
	const callers, each = 8, 10
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range each {
				if err := s.Tx(t.Context(), func(tx *store.Tx) error {
					f, err := tx.Function(Key("f"))
					if err != nil {
						return err
					}
					return tx.SetTags(Key("f"), map[string]string{"n": f.Tags["n"] + "x"})
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	Read(t, s, func(tx *store.Tx) error {
		f, err := tx.Function(Key("f"))
		if err == nil && len(f.Tags["n"]) != callers*each {
			t.Errorf("counted %d of %d", len(f.Tags["n"]), callers*each)
		}
		return err
	})
}

func testTxCancelledBefore(t *testing.T, s *store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Tx(ctx, func(tx *store.Tx) error { return Insert(tx, "gone") })
	if ebb.KindOf(err) != ebb.Unavailable || !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrOutcomeUnknown) {
		t.Fatalf("got %v", err)
	}
	err = s.Read(ctx, func(*store.Tx) error { return nil })
	if ebb.KindOf(err) != ebb.Unavailable {
		t.Fatalf("got %v", err)
	}
}

func testTxIsDeadAfterwards(t *testing.T, s *store.Store) {
	var kept *store.Tx
	Must(t, s, func(tx *store.Tx) error { kept = tx; return nil })
	if err := Insert(kept, "late"); err == nil {
		t.Fatal("a Tx was usable after its fn returned")
	}
}

func testReadSeesCommitted(t *testing.T, s *store.Store) {
	for i := range 20 {
		name := fmt.Sprintf("f%d", i)
		Must(t, s, func(tx *store.Tx) error { return Insert(tx, name) })
		Read(t, s, func(tx *store.Tx) error {
			_, err := tx.Version(Key(name), 0)
			return err
		})
	}
	if err := s.Read(t.Context(), func(tx *store.Tx) error { return Insert(tx, "no") }); err == nil {
		t.Fatal("Read wrote")
	}
}

func testReadIsOneSnapshot(t *testing.T, s *store.Store) {
	Read(t, s, func(tx *store.Tx) error {
		before, err := tx.CountFunctions(Service)
		if err != nil {
			return err
		}
		Must(t, s, func(tx *store.Tx) error { return Insert(tx, "meanwhile") })
		after, err := tx.CountFunctions(Service)
		if before != after {
			t.Errorf("one Read counted %d and then %d", before, after)
		}
		return err
	})
}

func testCallsAfterClose(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error { return Insert(tx, "f") })
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Tx(t.Context(), func(*store.Tx) error { return nil }); ebb.KindOf(err) != ebb.Unavailable {
		t.Fatalf("Tx after Close: %v", err)
	}
	if err := s.Read(t.Context(), func(*store.Tx) error { return nil }); ebb.KindOf(err) != ebb.Unavailable {
		t.Fatalf("Read after Close: %v", err)
	}
}

func testErrorsKeepTheirKind(t *testing.T, s *store.Store) {
	want := ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "Function already exist: f")
	err := s.Tx(t.Context(), func(*store.Tx) error { return want })
	is(t, err, want)
	is(t, s.Read(t.Context(), func(*store.Tx) error { return want }), want)
}
