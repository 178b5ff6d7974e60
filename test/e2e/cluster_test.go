package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/test/platform"
)

// nodes are some platforms on one PostgreSQL.
type nodes struct {
	t *testing.T
	platform.Cluster
}

func newNodes(t *testing.T) *nodes {
	url := postgrestest.Database(t)
	return &nodes{t: t, Cluster: platform.Cluster{Dir: filepath.Dir(place(t)), URL: url}}
}

func (n *nodes) start(number int) *platform.Platform {
	n.t.Helper()
	cfg, err := n.Node(number)
	if err != nil {
		n.t.Fatal(err)
	}
	p, err := platform.Start(n.t.Context(), cfg)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		var err error
		select {
		case <-p.Done():
		default:
			err = p.Stop()
		}
		if err != nil {
			n.t.Error(err)
		}
		if n.t.Failed() {
			n.t.Logf("end of the log of node %d:\n%s", number, p.Log())
		}
	})
	return p
}

func saying(text string) platform.Function {
	return python(fmt.Sprintf("def handler(event, context):\n    return %q\n", text))
}

func updateCode(t *testing.T, p *platform.Platform, name string, f platform.Function) {
	t.Helper()
	archive, err := platform.Zip(f.Files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Lambda().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &name, ZipFile: archive}); err != nil {
		t.Fatal(err)
	}
}

// Two nodes on one PostgreSQL: both manage and both run, a change made through
// one is what the other runs a second later, and killing one costs the other
// nothing.
func TestTwoNodesOnPostgreSQL(t *testing.T) {
	n := newNodes(t)
	a := n.start(0)
	b := n.start(1)
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", a.PID()))
	if err == nil && strings.Contains(string(command), "test-only") {
		t.Error("the password is in the list of processes")
	}
	f := saying("one")
	f.Name = "f"
	if err := a.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*platform.Platform{a, b} {
		if got := invoke(t, p, "f", "{}"); got != `"one"` {
			t.Fatalf("got %s", got)
		}
	}
	for round, from := range []*platform.Platform{a, b, a} {
		to, want := b, fmt.Sprint("round ", round)
		if from == b {
			to = a
		}
		updateCode(t, from, "f", saying(want))
		acknowledged := time.Now()
		stale := acknowledged // when the last invocation began that ran the old code
		eventually(t, func() error {
			began := time.Now()
			got := invoke(t, to, "f", "{}")
			if got == fmt.Sprintf("%q", want) {
				return nil
			}
			stale = began
			return fmt.Errorf("still %s", got)
		})
		if late := stale.Sub(acknowledged); late > time.Second {
			t.Errorf("round %d: the other node ran the old code %v later", round, late)
		}
	}
	manageTogether(t, a, b)
	for _, p := range []*platform.Platform{a, b} {
		peers, err := p.Client.Nodes(t.Context())
		if err != nil || len(peers) != 2 || peers[0].Self == peers[1].Self || peers[0].State != "up" || peers[1].State != "up" {
			t.Errorf("%+v %v", peers, err)
		}
	}
	if err := a.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := invoke(t, b, "f", "{}"); got != `"round 2"` {
		t.Errorf("after the other was killed: %s", got)
	}
	updateCode(t, b, "f", saying("alone"))
	eventually(t, func() error {
		peers, err := b.Client.Nodes(t.Context())
		if err == nil && (len(peers) != 2 || peers[0].State == peers[1].State) {
			err = fmt.Errorf("nodes %+v", peers)
		}
		return err
	})
	a = n.start(0)
	if got := invoke(t, a, "f", "{}"); got != `"alone"` {
		t.Errorf("back again: %s", got)
	}
	if err := errors.Join(b.Stop(), a.Stop(), clean(a.Data), clean(b.Data)); err != nil {
		t.Error(err)
	}
}

// manageTogether creates functions through both nodes at once, each its own and
// all the same one.
func manageTogether(t *testing.T, a, b *platform.Platform) {
	t.Helper()
	const each = 6
	var all sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for i, p := range []*platform.Platform{a, b} {
		for j := range each {
			all.Go(func() {
				f := saying("x")
				f.Name = fmt.Sprintf("own-%d-%d", i, j)
				if err := p.Create(context.Background(), f); err != nil {
					t.Error(err)
				}
				f.Name = fmt.Sprint("same-", j)
				err := p.Create(context.Background(), f)
				if _, taken := errors.AsType[*types.ResourceConflictException](err); err != nil && !taken {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made++
				}
			})
		}
	}
	all.Wait()
	if made != each {
		t.Errorf("%d were told that they made one of %d functions", made, each)
	}
	for _, p := range []*platform.Platform{a, b} {
		out, err := p.Lambda().ListFunctions(t.Context(), &lambda.ListFunctionsInput{MaxItems: aws.Int32(50)})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Functions) != 1+3*each {
			t.Errorf("lists %d functions, want %d", len(out.Functions), 1+3*each)
		}
	}
}

// A platform on SQLite moves to PostgreSQL and back by its backup.
func TestMoveToPostgreSQLAndBack(t *testing.T) {
	t.Parallel()
	f := saying("moved")
	f.Name = "f"
	data := place(t)
	p := start(t, data)
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	url := postgrestest.Database(t)
	for hop := range 2 {
		archive := filepath.Join(t.TempDir(), "backup")
		file, err := os.Create(archive)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Client.Backup(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
		cfg := platform.Config{Data: filepath.Join(filepath.Dir(data), fmt.Sprint("hop-", hop))}
		if hop == 0 {
			n, err := platform.Cluster{Dir: t.TempDir(), URL: url}.Node(0)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Args, cfg.Env = n.Args[2:], n.Env // not the shared directory
		}
		tool := append([]string{"restore", archive, "--data", cfg.Data}, cfg.Args...)
		run := func() ([]byte, error) {
			bin, err := platform.Binary()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), bin, tool...)
			cmd.Env = append(os.Environ(), cfg.Env...)
			return cmd.CombinedOutput()
		}
		if out, err := run(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		if _, err := os.Stat(filepath.Join(cfg.Data, "ebb.db")); (err == nil) != (hop == 1) {
			t.Errorf("hop %d: ebb.db: %v", hop, err)
		}
		if p, err = platform.Start(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if got := invoke(t, p, "f", "{}"); got != `"moved"` {
			t.Errorf("hop %d: %s", hop, got)
		}
		if hop == 0 { // now that it is in use
			tool[3] = filepath.Join(filepath.Dir(data), "again")
			if out, err := run(); err == nil || !strings.Contains(string(out), "in use") {
				t.Errorf("restored over a database in use: %s", out)
			}
		}
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}
