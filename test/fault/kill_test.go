package fault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/test/platform"
)

// wanted is what a function should be; the zero value means that it is not there.
type wanted struct{ there, description, code string }

// changer changes one function again and again, and remembers what it was told.
type changer struct {
	name    string
	random  *rand.Rand
	sure    wanted  // what the last acknowledged change made it
	pending *wanted // what a change would make it that was never answered
}

// step makes one change. The error is that of a change nobody answered.
func (c *changer) step(ctx context.Context, p *platform.Platform, n int) error {
	next := c.sure
	code := fmt.Sprintf("def handler(event, context):\n    return '%s %d'\n", c.name, n)
	archive, err := platform.Zip(map[string]string{"app.py": code})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(archive)
	digest := base64.StdEncoding.EncodeToString(sum[:])
	description := fmt.Sprint("change ", n)
	name, api := aws.String(c.name), p.Lambda()
	switch kind := c.random.IntN(4); {
	case c.sure.there == "":
		next = wanted{"yes", description, digest}
		_, err = api.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: name, Runtime: types.Runtime("python3"),
			Handler: aws.String("app.handler"), Role: aws.String(platform.Role), Description: &description, Code: &types.FunctionCode{ZipFile: archive}})
	case kind == 0:
		next = wanted{}
		_, err = api.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: name})
	case kind == 1:
		next.description = description
		_, err = api.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: name, Description: &description})
	default:
		next.code = digest
		_, err = api.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: archive})
	}
	if err != nil {
		c.pending = &next
		return err
	}
	c.sure = next
	return nil
}

// check compares what is there with what may be there.
func (c *changer) check(ctx context.Context, p *platform.Platform) error {
	var got wanted
	out, err := p.Lambda().GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String(c.name)})
	if _, gone := errors.AsType[*types.ResourceNotFoundException](err); !gone {
		if err != nil {
			return err
		}
		f := out.Configuration
		got = wanted{"yes", aws.ToString(f.Description), aws.ToString(f.CodeSha256)}
		if err := download(aws.ToString(out.Code.Location), got.code); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if _, failed, err := p.Invoke(ctx, c.name, "{}"); err != nil || failed != "" {
			return fmt.Errorf("%s: invoke: %s %w", c.name, failed, err)
		}
	}
	if got != c.sure && (c.pending == nil || got != *c.pending) {
		return fmt.Errorf("%s: is %+v, acknowledged was %+v, unanswered %+v", c.name, got, c.sure, c.pending)
	}
	c.sure, c.pending = got, nil
	return nil
}

// download fetches a package, whose digest must be as told.
func download(url, want string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var content bytes.Buffer
	if _, err := io.Copy(&content, res.Body); err != nil {
		return err
	}
	sum := sha256.Sum256(content.Bytes())
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != want {
		return fmt.Errorf("%s: the package has digest %s, want %s", res.Status, got, want)
	}
	return nil
}

// TestKillWhileChanging: after kill -9 at any moment, every acknowledged change
// is there, and one that nobody answered happened whole or not at all.
func TestKillWhileChanging(t *testing.T) {
	const rounds, workers, mostChanges = 8, 4, 40
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	data := place(t)
	var changers []*changer
	for i := range workers {
		changers = append(changers, &changer{name: fmt.Sprint("f", i), random: rand.New(rand.NewPCG(seed, uint64(i+1)))})
	}
	var number atomic.Int64
	for round := range rounds {
		p, err := platform.Start(t.Context(), platform.Config{Data: data})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, c := range changers {
			if err := c.check(t.Context(), p); err != nil {
				t.Error(err)
			}
		}
		begun := number.Load()
		enough, moment := int64(random.IntN(mostChanges)), time.Duration(random.IntN(20_000))*time.Microsecond
		reached := make(chan struct{})
		var all sync.WaitGroup
		var once sync.Once
		for _, c := range changers {
			all.Go(func() {
				for c.pending == nil { // until one is not answered
					n := number.Add(1)
					if n-begun >= enough {
						once.Do(func() { close(reached) })
					}
					_ = c.step(t.Context(), p, int(n))
				}
			})
		}
		<-reached
		<-time.After(moment) // somewhere within the work
		kill(t, p)
		all.Wait()
	}
	p := start(t, data)
	for _, c := range changers {
		if err := c.check(t.Context(), p); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d changes in %d rounds", number.Load(), rounds)
}

const family = `
import os, signal, subprocess, time
def handler(event, context):
    # A child, a grandchild in a session of its own, and one that ignores signals.
    subprocess.Popen(["sleep", "1000"])
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(s, signal.SIG_IGN)
            time.sleep(1000)
        os._exit(0)
    time.sleep(event["sleep"])
    return os.getpid()
`

// TestKillLeavesNothing: with ebb its boxes end, whatever their processes do;
// what the kernel keeps besides is swept by the next start.
func TestKillLeavesNothing(t *testing.T) {
	data := place(t)
	alone := configured(t, "pool: {prewarmOff: true, zygoteOff: true}\n")
	p := start(t, data, alone...)
	requireLinux(t, p)
	fresh := settled(t, p)
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	p = start(t, data)
	create(t, p, python("python", family), node("node", "exports.handler = async () => process.pid;"))
	invoke(t, p, "node", "{}")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() { _, _, _ = p.Invoke(ctx, "python", `{"sleep":600}`) })
	}
	var boxes []platform.Process
	// Three boxes of PID 1, runtime and two more; one of PID 1 and runtime; what
	// is made ahead besides.
	eventually(t, func() error {
		members, err := platform.Members(data)
		if boxes = below(t, p); err == nil && (len(members) < 3*4+2 || len(boxes) < len(members)) {
			err = fmt.Errorf("%d processes, %d of them in cgroups", len(boxes), len(members))
		}
		return err
	})
	kill(t, p)
	callers.Wait()
	eventually(t, func() error {
		for _, b := range boxes {
			if b.Alive() {
				return fmt.Errorf("process %d lives on: %s", b.PID, b.Command())
			}
		}
		if left, err := platform.Members(data); err != nil || len(left) > 0 {
			return fmt.Errorf("processes %v live on, %w", left, err)
		}
		left, err := platform.Leftovers(data)
		if err == nil && (left.Loops != 0 || left.Mounts != 0) {
			err = fmt.Errorf("left behind: %+v", left)
		}
		return err
	})
	p = start(t, data, alone...)
	if swept := settled(t, p); swept != fresh {
		t.Errorf("after the sweep %+v, at the first start %+v", swept, fresh)
	}
	invoke(t, p, "node", "{}")
}

// settled waits until what p holds no longer changes, and returns it. Files are
// the soak's business.
func settled(t *testing.T, p *platform.Platform) (now platform.Footprint) {
	t.Helper()
	same := 0
	eventually(t, func() (err error) {
		last := now
		if now, err = p.Footprint(); err != nil {
			return err
		}
		now.Files = 0
		if same++; now != last || now.Loops == 0 {
			same = 0
		}
		if same < 10 {
			return fmt.Errorf("not settled: %+v", now)
		}
		return nil
	})
	return now
}
