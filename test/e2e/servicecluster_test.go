package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// What is done to keys, quotas and secrets through one node holds on the other
// within a second.
func TestServicesOnTwoNodes(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	a, b := n.start(0), n.start(1)
	ctx := t.Context()
	key, err := a.Client.CreateKey(ctx, false, "ci", "developer", nil)
	must(t, err)
	cfg := b.Client.Config()
	cfg.AccessKeyID, cfg.SecretAccessKey, cfg.Token, cfg.HTTPClient = key.ID, key.SecretAccessKey, key.Token, nil
	other, err := client.New(cfg)
	must(t, err)
	t.Cleanup(other.Close)
	list := func() error {
		_, err := other.Lambda().ListFunctions(ctx, &lambda.ListFunctionsInput{})
		return err
	}
	must(t, list())
	_, err = a.Client.UpdateKey(ctx, false, key.ID, client.KeyChange{Enabled: new(false)})
	must(t, err)
	for began, asked := time.Now(), time.Now(); list() == nil; asked = time.Now() {
		if asked.Sub(began) > time.Second {
			t.Fatal("the other node takes a disabled key for more than a second")
		}
	}
	_, err = a.Client.UpdateKey(ctx, false, key.ID, client.KeyChange{Enabled: new(true)})
	must(t, err)
	holds(t, "enabled again", func() bool { return list() == nil })

	_, err = a.Client.PutSecret(ctx, "db", []byte("first"), nil)
	must(t, err)
	fn := name(t)
	put(t, a.Client, fn, "import os\ndef handler(event, context):\n    return os.environ['DB']\n", map[string]string{"DB": "secret://db"}, anyRole)
	for _, c := range []*client.Client{a.Client, b.Client} {
		if got := call(t, c, fn); got != `"first"` {
			t.Fatalf("got %s", got)
		}
	}
	_, err = b.Client.PutSecret(ctx, "db", []byte("second"), nil)
	must(t, err)
	holds(t, "the new value on the first node", func() bool { return call(t, a.Client, fn) == `"second"` })
	if got := call(t, b.Client, fn); got != `"second"` {
		t.Errorf("where it was put: %s", got)
	}
	if strings.Contains(a.Log()+b.Log(), "second") {
		t.Error("a log tells the value")
	}
}
