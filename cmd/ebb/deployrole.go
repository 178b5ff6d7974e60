package main

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/manifest"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// roles makes the roles of a manifest what it says; functions name them. Those
// that it does not name are left as they are. With --only they stay as they are.
func (d *deployment) roles(ctx context.Context, m *manifest.Manifest) (done []deployed, err error) {
	if len(d.opt.only) > 0 {
		return nil, nil
	}
	for _, want := range m.Roles {
		r, err := d.role(ctx, &want)
		if err != nil {
			return done, &named{"role " + want.Name, err}
		}
		done = append(done, *r)
	}
	return done, nil
}

func (d *deployment) role(ctx context.Context, want *manifest.Role) (*deployed, error) {
	r := &deployed{Role: want.Name, Action: actionUnchanged, Changed: []string{}, ARN: ebb.RoleARN(d.service, want.Name), DryRun: d.opt.dryRun}
	policy, err := json.Marshal(ebb.Policy{Version: "2012-10-17", Statement: want.Statements})
	if err != nil {
		return nil, err
	}
	var have *client.Role
	if !d.making {
		have, err = d.client.Role(ctx, want.Name)
	}
	switch e, known := client.ErrorOf(err); {
	case known && e.Status == 404 || d.making:
		r.Action = actionCreated
	case err != nil:
		return nil, err
	case !samePolicy(have.Policy, policy):
		r.Action, r.Changed = actionUpdated, []string{"policy"}
	}
	if r.Action != actionUnchanged && !d.opt.dryRun {
		if _, err := d.client.PutRole(ctx, want.Name, policy); err != nil {
			return nil, err
		}
	}
	d.show.line("role %s: %s", want.Name, r.text())
	return r, nil
}

// samePolicy compares what two documents say, not how they spell it.
func samePolicy(a, b json.RawMessage) bool {
	var texts [2][]byte
	for i, text := range []json.RawMessage{a, b} {
		var p ebb.Policy
		if json.Unmarshal(text, &p) != nil {
			return false
		}
		texts[i], _ = json.Marshal(p.Statement)
	}
	return bytes.Equal(texts[0], texts[1])
}
