package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ebb-faas/ebb/test/platform"
)

// waiting is how many executions wait at once, and over how long they end.
const (
	waiting     = 100_000
	waitingOver = 100 * time.Second
)

// begin starts so many executions, with the input and name that each gives.
func (b *bench) begin(ctx context.Context, machine string, n int, each func(i int) (name, input string)) error {
	c := b.platform.Client.Workflows()
	var next atomic.Int64
	return together(startCallers, func(int) error {
		for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
			progress("executions that wait %d/%d", i, n)
			name, input := each(i)
			if _, err := c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Input: &input, Name: &name}); err != nil {
				return err
			}
		}
		return nil
	})
}

// waitingExecutions measures what executions cost that wait, and how late their
// timers fire. When the first is due follows from how long starting some takes.
func (b *bench) waitingExecutions(ctx context.Context) error {
	const sample = 2000
	machine, err := b.machine(ctx, "bench-wait", `{"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "TimestampPath": "$.at", "Next": "Done"}, "Done": {"Type": "Succeed"}}}`, types.StateMachineTypeStandard)
	if err != nil {
		return err
	}
	due := time.Now()
	start := func(prefix string, n int) error {
		return b.begin(ctx, machine, n, func(i int) (name, input string) {
			return prefix + strconv.Itoa(i), fmt.Sprintf(`{"at": %q}`, due.Add(waitingOver*time.Duration(i)/waiting).UTC().Format(time.RFC3339Nano))
		})
	}
	begin := time.Now()
	if err := start("sample-", sample); err != nil { // they end soon
		return err
	}
	took := time.Since(begin)
	if err := b.noneRuns(ctx, machine); err != nil {
		return err
	}
	before, _, err := platform.Memory(b.platform.PID())
	if err != nil {
		return err
	}
	due = time.Now().Add(took*waiting/sample*5/4 + 10*time.Second).Truncate(time.Second)
	if err := start("wait-", waiting); err != nil {
		return err
	}
	if !time.Now().Before(due) {
		return errors.New("the executions could not be started before the first was due")
	}
	after, _, err := platform.Memory(b.platform.PID())
	if err != nil {
		return err
	}
	progress("waiting until the executions have ended")
	if err := b.noneRuns(ctx, machine); err != nil {
		return err
	}
	late, err := b.lateness(ctx, machine, due)
	if err != nil {
		return err
	}
	table := b.report.table(fmt.Sprintf("%d executions that wait", len(late)), "KiB each", "late p50 ms", "late p99 ms", "late max ms")
	table.add(fmt.Sprintf("due over %s", waitingOver), float64(after-before)/1024/float64(len(late)), ms(quantile(late, 0.5)), ms(quantile(late, 0.99)), ms(late[len(late)-1]))
	table.note("bars: 10 KiB, 1 s; started at %.0f a second", sample/took.Seconds())
	return nil
}

// lateness is how long after they were due executions ended.
func (b *bench) lateness(ctx context.Context, machine string, due time.Time) (late []time.Duration, err error) {
	pages := sfn.NewListExecutionsPaginator(b.platform.Client.Workflows(), &sfn.ListExecutionsInput{StateMachineArn: &machine, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, x := range page.Executions {
			number, ours := strings.CutPrefix(*x.Name, "wait-")
			if !ours {
				continue
			}
			i, err := strconv.Atoi(number)
			if err != nil || x.Status != types.ExecutionStatusSucceeded {
				return nil, fmt.Errorf("%s: %s %w", *x.Name, x.Status, err)
			}
			late = append(late, x.StopDate.Sub(due.Add(waitingOver*time.Duration(i)/waiting)))
		}
	}
	slices.Sort(late)
	return late, nil
}
