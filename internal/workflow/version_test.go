package workflow

import (
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// A state machine may have so many versions and no more; one that is deleted makes
// room for another.
func TestVersionLimit(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	key := ebb.StateMachineKey{Service: service, Name: "m"}
	r.create("m", "", pass)
	first, err := r.Publish(ctx, key, "", "")
	must(t, err)
	must(t, r.store.Tx(ctx, func(tx *store.Tx) error {
		for range maxVersions - 2 {
			v := *first
			if v.Number, err = tx.NextStateMachineVersion(key); err != nil {
				return err
			}
			if err := tx.InsertStateMachineVersion(&v); err != nil {
				return err
			}
		}
		return nil
	}))
	publish := func(result string) (*ebb.StateMachineVersion, error) {
		changed := strings.Replace(pass, `"End"`, `"Result": `+result+`, "End"`, 1)
		_, v, err := r.UpdateStateMachine(ctx, key, Update{Definition: &changed, Publish: true})
		return v, err
	}
	if v, err := publish("1"); err != nil || v.Number != maxVersions {
		t.Fatalf("the last that is free: %+v, %v", v, err)
	}
	if _, err := publish("2"); ebb.TypeOf(err) != TypeServiceQuotaExceeded {
		t.Errorf("one more: %v", err)
	}
	must(t, r.DeleteVersion(ctx, key, 7))
	if v, err := publish("2"); err != nil || v.Number != maxVersions+1 {
		t.Errorf("in place of one that was deleted: %+v, %v", v, err)
	}
	if _, err := publish("3"); ebb.TypeOf(err) != TypeServiceQuotaExceeded {
		t.Errorf("and one more: %v", err)
	}
}
