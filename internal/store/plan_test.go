package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// Look-ups and lists must not grow slower with what else is in the table.
func TestQueriesUseIndexes(t *testing.T) {
	s := open(t)
	key := storetest.Key("f")
	layer := ebb.LayerKey(key)
	storetest.Read(t, s, func(tx *store.Tx) error {
		for _, call := range []func() error{
			func() error { _, err := tx.Function(key); return err },
			func() error { _, err := tx.Version(key, 0); return err },
			func() error { _, err := tx.LastVersion(key); return err },
			func() error { _, err := tx.Versions(key, 0, 1); return err },
			func() error { _, err := tx.LatestVersions(key.Service, "", 1); return err },
			func() error { _, err := tx.AllVersions(key.Service, "", 0, 1); return err },
			func() error { _, err := tx.FunctionURL(key, ""); return err },
			func() error { _, err := tx.FunctionURLByID(""); return err },
			func() error { _, err := tx.FunctionURLs(key, true, "", 1); return err },
			func() error { _, err := tx.Alias(key, ""); return err },
			func() error { _, err := tx.Aliases(key, "", 1); return err },
			func() error { _, err := tx.AliasesOf(key, 1, "", 1); return err },
			func() error { _, err := tx.LayerVersion(layer, 1); return err },
			func() error { _, err := tx.LayerVersions(layer, store.LayerFilter{}, 0, 1); return err },
			func() error { _, err := tx.Layers(key.Service, store.LayerFilter{}, "", 1); return err },
			func() error { _, err := tx.FunctionPolicy(key, ""); return err },
			func() error { _, err := tx.LayerPolicy(layer, 1); return err },
			func() error { _, err := tx.RouteClaim("", "", ""); return err },
			func() error { _, err := tx.APIKey("", ""); return err },
			func() error { _, err := tx.APIKeyByHash(""); return err },
			func() error { _, err := tx.APIKeys("", "", 1); return err },
			func() error { _, err := tx.Message(ebb.MessageKey{}); return err },
			func() error { _, err := tx.NextMessage("", ""); return err },
			func() error { _, err := tx.NextSuspect(""); return err },
			func() error { _, _, err := tx.NextLane("", ""); return err },
			func() error { _, _, err := tx.Messages(store.MessageFilter{}, 1); return err }, // two queries
			func() error {
				_, _, err := tx.Messages(store.MessageFilter{State: new(ebb.MessageDead)}, 1)
				return err
			},
			func() error { _, err := tx.EventInvokeConfig(key, ""); return err },
			func() error { _, err := tx.EventInvokeConfigs(key, true, "", 1); return err },
		} {
			if err := call(); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		checked := 0
		for _, q := range tx.Prepared() {
			if !strings.HasPrefix(q, "SELECT") || !strings.Contains(q, "?") {
				continue
			}
			plan, err := tx.Plan(q)
			if err != nil {
				return err
			}
			checked++
			text := strings.Join(plan, "; ")
			if !strings.Contains(text, "SEARCH") || strings.Contains(text, "SCAN") || strings.Contains(text, "TEMP B-TREE") {
				t.Errorf("%s\n%s", q, text)
			}
		}
		if checked != 30 {
			t.Errorf("checked %d queries, want 30", checked)
		}
		return nil
	})
}

// What looks for the triggers of a kind, or of a target, again and again must not
// read all the others.
func TestTriggersUseIndexes(t *testing.T) {
	s := open(t)
	for index, f := range map[string]store.TriggerFilter{
		"triggers_kind (kind=? AND (service,name)>(?,?))": {Kind: ebb.TriggerKafka},
		"triggers_target (target=?":                       {Target: "arn"},
	} {
		storetest.Read(t, s, func(tx *store.Tx) error {
			if _, err := tx.Triggers(f, 1); err != nil {
				return err
			}
			for _, q := range tx.Prepared() {
				if !strings.Contains(q, "FROM triggers WHERE (service, name) > (?, ?) AND") || strings.Contains(q, "kind = ?") != (f.Kind != "") {
					continue
				}
				plan, err := tx.Plan(q)
				if err != nil {
					return err
				}
				if text := strings.Join(plan, "; "); !strings.Contains(text, index) {
					t.Errorf("%s\n%s", q, text)
				}
			}
			return nil
		})
	}
}
