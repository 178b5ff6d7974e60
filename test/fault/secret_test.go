package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// TestKillWhileRotating kills ebb in the middle of replacing the master key,
// values and access keys. Whatever was acknowledged is there afterwards, what
// was not is there whole or not at all, and every value opens.
func TestKillWhileRotating(t *testing.T) {
	const rounds, secrets = 8, 150
	data := place(t)
	ctx := t.Context()
	values := map[string][]string{} // what a secret's current value may be
	var keys []client.NewKey        // acknowledged; each must prove its holder
	for round := range rounds {
		p, err := platform.Start(context.Background(), platform.Config{Data: data})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := checkRotated(ctx, p, values, keys); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for i := len(values); i < secrets; i++ {
			name := fmt.Sprintf("s%d", i)
			if _, err := p.Client.PutSecret(ctx, name, []byte("first of "+name), nil); err != nil {
				t.Fatal(err)
			}
			values[name] = []string{"first of " + name}
		}
		timer := time.AfterFunc(time.Duration(rand.IntN(120))*time.Millisecond, func() { _ = p.Kill() })
		rotating := make(chan struct{})
		go func() {
			defer close(rotating)
			for err := error(nil); err == nil; {
				_, err = p.Client.RotateMasterKey(ctx)
			}
		}()
		keys = rotateUntilKilled(ctx, p.Client, round, values, keys)
		<-rotating
		timer.Stop()
		<-p.Done()
	}
	p := start(t, data)
	if err := checkRotated(ctx, p, values, keys); err != nil {
		t.Fatal(err)
	}
	// The killed ones left no keys lying about.
	left, err := filepath.Glob(filepath.Join(data, ".master.key.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// rotateUntilKilled changes values and keys until nobody answers any more.
func rotateUntilKilled(ctx context.Context, c *client.Client, round int, values map[string][]string, keys []client.NewKey) []client.NewKey {
	for n := 0; ; n++ {
		name, value := fmt.Sprintf("s%d", rand.IntN(len(values))), fmt.Sprintf("round %d change %d", round, n)
		if _, err := c.PutSecret(ctx, name, []byte(value), nil); err != nil {
			values[name] = append(values[name], value) // it may be there
			return keys
		}
		values[name] = []string{value}
		k, err := c.CreateKey(ctx, false, "k", "invoker", nil)
		if err != nil {
			return keys
		}
		keys = append(keys, *k)
		if n%3 == 0 {
			if k, err = c.RotateKey(ctx, false, k.ID, time.Hour); err != nil {
				return keys
			}
			keys = append(keys, *k)
		}
	}
}

// checkRotated opens every value and has every key prove its holder.
func checkRotated(ctx context.Context, p *platform.Platform, values map[string][]string, keys []client.NewKey) error {
	for name, may := range values {
		got, _, err := p.Client.RevealSecret(ctx, name, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		found := false
		for _, v := range may {
			found = found || v == string(got)
		}
		if !found {
			return fmt.Errorf("%s is %q, may be %q", name, got, may)
		}
		values[name] = []string{string(got)}
	}
	for _, k := range keys {
		cfg := p.Client.Config()
		cfg.AccessKeyID, cfg.SecretAccessKey, cfg.Token = k.ID, k.SecretAccessKey, "" // so that the seal is opened
		c, err := client.New(cfg)
		if err != nil {
			return err
		}
		_, err = c.Service(ctx, client.Self)
		c.Close()
		// An invoker may not see, but is known.
		if e, ok := client.ErrorOf(err); !ok || !strings.HasPrefix(e.Type, "AccessDenied") {
			return errors.Join(fmt.Errorf("key %s proves nobody", k.ID), err)
		}
	}
	return nil
}
