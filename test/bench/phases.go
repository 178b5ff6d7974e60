package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/test/platform"
)

// phases are what the REPORT line of a cold start says, in the order in which they
// pass.
var phases = [...]string{"Queue", "Box", "Specialise", "Init Duration", "Duration"}

// coldPhases measures what the cold starts of the group of that name are made of,
// as the functions' logs tell it.
func (b *bench) coldPhases(ctx context.Context) error {
	table := b.report.table("phases from zero, p50 ms", "queue", "box", "specialise", "init", "invoke")
	if err := b.phaseRows(ctx, table, b.platform, ""); err != nil {
		return err
	}
	miss, stop, err := b.own(ctx, "phases-miss", "pool: {prewarmMax: -1}\n")
	if err != nil {
		return err
	}
	err = b.phaseRows(ctx, table, miss, ", pool missed")
	if serr := stop(); err == nil {
		err = serr
	}
	return err
}

func (b *bench) phaseRows(ctx context.Context, table *table, p *platform.Platform, suffix string) error {
	for _, f := range b.functions {
		name := f.Name
		if len(b.rows) > 0 && !has(name+suffix, b.rows) {
			continue
		}
		var all [len(phases)][]time.Duration
		for n := range coldRuns {
			progress("phases of %s %d/%d", name+suffix, n+1, coldRuns)
			f.Name = fmt.Sprintf("phases-%s-%d", name, n)
			took, err := onePhases(ctx, p, f)
			if err != nil {
				return err
			}
			for i, d := range took {
				all[i] = append(all[i], d)
			}
		}
		var row []float64
		for _, one := range all {
			row = append(row, millis(quantile(one, 0.5)))
		}
		table.add(name+suffix, row...)
	}
	return nil
}

// onePhases deploys a function, lets the platform rest, and invokes it.
func onePhases(ctx context.Context, p *platform.Platform, f platform.Function) (took [len(phases)]time.Duration, err error) {
	if err := p.Create(ctx, f); err != nil {
		return took, err
	}
	if err := rest(ctx, p); err != nil {
		return took, err
	}
	out, err := p.Lambda().Invoke(ctx, &lambda.InvokeInput{FunctionName: &f.Name, Payload: []byte(`{"body":"x"}`), LogType: types.LogTypeTail})
	if err != nil {
		return took, err
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		return took, err
	}
	for i, name := range phases {
		m := regexp.MustCompile(`\t` + name + `: ([0-9.]+) ms`).FindSubmatch(tail)
		if m == nil {
			return took, fmt.Errorf("no %s in the log of %s: %s", name, f.Name, tail)
		}
		ms, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return took, err
		}
		took[i] = time.Duration(ms * float64(time.Millisecond))
	}
	return took, nil
}
