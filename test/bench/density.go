package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/test/platform"
)

// dense is how many idle instances of a runtime are held at once.
var dense = []struct {
	function string
	count    int32
}{
	{"python", 1000}, {"node", 200}, {"java", 100},
}

// startLimit is how long so many instances may take to start.
const startLimit = 10 * time.Minute

// own starts a platform of another configuration, which stop ends.
func (b *bench) own(ctx context.Context, name, config string) (p *platform.Platform, stop func() error, err error) {
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	file := filepath.Join(dir, "ebb.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, nil, err
	}
	p, err = platform.Start(ctx, platform.Config{Data: filepath.Join(dir, "data"), Args: []string{"--config", file}})
	if err != nil {
		return nil, nil, err
	}
	return p, func() error { return errors.Join(p.Stop(), platform.Remove(dir)) }, nil
}

// density holds many idle instances at once and reports what they take, as they
// are idle and as they are frozen.
func (b *bench) density(ctx context.Context) error {
	table := b.report.table("density", "instances", "PSS GiB", "MiB each", "CPU each ms", "frozen GiB")
	for _, d := range dense {
		if len(b.rows) > 0 && !has(d.function, b.rows) {
			continue
		}
		f, ok := b.function(d.function)
		if !ok {
			table.note("%s: not on this host", d.function)
			continue
		}
		if err := b.hold(ctx, table, f, d.count); err != nil {
			return fmt.Errorf("%s: %w", d.function, err)
		}
	}
	table.note("PSS of all processes below ebb, PID 1 of each box included")
	return nil
}

// function finds an echo function by its name.
func (b *bench) function(name string) (platform.Function, bool) {
	for _, f := range b.functions {
		if f.Name == name {
			return f, true
		}
	}
	return platform.Function{}, false
}

func (b *bench) hold(ctx context.Context, table *table, f platform.Function, count int32) (err error) {
	p, stop, err := b.own(ctx, "density-"+f.Name, "pool: {maxInstances: 1200, maxPerFunction: 1200, idleTimeout: 1h, idleMin: 1h, idleMax: 1h, freezeAfter: 45s}\n")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	f.MemoryMB = 128
	if err := p.Create(ctx, f); err != nil {
		return err
	}
	if _, _, err := p.Invoke(ctx, f.Name, `{"body":"x"}`); err != nil {
		return err
	}
	idle, cpuIdle, err := below(p)
	if err != nil {
		return err
	}
	if err := provide(ctx, p, f.Name, count); err != nil {
		return err
	}
	held, cpuHeld, err := below(p)
	if err != nil {
		return err
	}
	if err := platform.Poll(ctx, startLimit, func() error {
		all, err := p.Instances(ctx, f.Name)
		for _, in := range all {
			if err == nil && in.State != "frozen" {
				err = fmt.Errorf("instance %s is %s", in.ID, in.State)
			}
		}
		return err
	}); err != nil {
		return err
	}
	frozen, _, err := below(p)
	if err != nil {
		return err
	}
	table.add(f.Name, float64(count), mib(held)/1024, mib(held-idle)/float64(count), millis(cpuHeld-cpuIdle)/float64(count), mib(frozen)/1024)
	return nil
}

// provide has so many instances of a function wait for work.
func provide(ctx context.Context, p *platform.Platform, function string, count int32) error {
	c := p.Lambda()
	if _, err := c.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: &function}); err != nil {
		return err
	}
	if _, err := c.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: &function, Qualifier: aws.String("1"), ProvisionedConcurrentExecutions: &count}); err != nil {
		return err
	}
	return platform.Poll(ctx, startLimit, func() error {
		got, err := c.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: &function, Qualifier: aws.String("1")})
		if err != nil {
			return err
		}
		progress("density of %s: %d of %d", function, aws.ToInt32(got.AvailableProvisionedConcurrentExecutions), count)
		if got.Status != types.ProvisionedConcurrencyStatusEnumReady {
			return fmt.Errorf("%s: %s %s, %d available", function, got.Status, aws.ToString(got.StatusReason), aws.ToInt32(got.AvailableProvisionedConcurrentExecutions))
		}
		return nil
	})
}

// below is the PSS of all processes below ebb and the CPU time of the tree.
func below(p *platform.Platform) (pss int64, spent time.Duration, err error) {
	tree, err := platform.ProcessTree(p.PID())
	for _, one := range tree {
		spent += one.CPU
		if one.PID == p.PID() {
			continue
		}
		if _, n, err := platform.Memory(one.PID); err == nil { // else it ended meanwhile
			pss += n
		}
	}
	return pss, spent, err
}

// spareRuntimes are the words in the command lines of the processes that are
// made ahead.
var spareRuntimes = []struct{ name, word string }{
	{"python", "bootstrap.py"}, {"node", "bootstrap.js"}, {"java", "ebb-runtime.jar"}, {"PID 1 of a box", "ebb-init"},
}

// spares reports what the instances made ahead take on a platform that has run
// nothing yet.
func (b *bench) spares(ctx context.Context) (err error) {
	p, stop, err := b.own(ctx, "spares", "pool: {prewarmMin: 2}\n")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, f := range b.functions {
		if f.Name == "node" || f.Name == "python" || f.Name == "java" {
			if err := p.Create(ctx, f); err != nil {
				return err
			}
		}
	}
	var last platform.Node
	same := 0
	err = platform.Poll(ctx, startLimit, func() error {
		n, err := p.Node(ctx)
		if err != nil {
			return err
		}
		if same++; n.Instances != last.Instances || n.Instances.Spare < 4 {
			same = 0
		}
		if last = n; same < 20 {
			return fmt.Errorf("%+v", n.Instances)
		}
		return nil
	})
	if err != nil {
		return err
	}
	tree, err := platform.ProcessTree(p.PID())
	if err != nil {
		return err
	}
	table := b.report.table("made ahead", "processes", "PSS MiB each")
	for _, rt := range spareRuntimes {
		count, sum := 0, int64(0)
		for _, one := range tree {
			if command := one.Command(); one.PID != p.PID() && strings.Contains(command, rt.word) {
				if _, pss, err := platform.Memory(one.PID); err == nil {
					count, sum = count+1, sum+pss
				}
			}
		}
		if count > 0 {
			table.add(rt.name, float64(count), mib(sum)/float64(count))
		}
	}
	table.note("%d instances made ahead, nothing has run yet", last.Instances.Spare)
	return nil
}
