package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// enqueue measures what it costs to accept an event of 1 KiB: the bare writer with
// one statement, queue.Enqueue, and an Event invocation over HTTP, signed. The
// three take turns, because what a disk can do changes while one looks.
func (b *bench) enqueue(ctx context.Context) (err error) {
	const stopped = "stopped" // of its events none needs an instance
	f := b.functions[0]
	f.Name = stopped
	if err := b.platform.Create(ctx, f); err != nil {
		return err
	}
	if _, err := b.platform.Lambda().PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String(stopped), ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Config{Path: filepath.Join(b.dir, "queue.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	body := bytes.Repeat([]byte("x"), eventBytes)
	var n atomic.Int64
	bare := func(tx *store.Tx) error {
		now := time.Now()
		return tx.InsertMessage(&ebb.Message{MessageKey: ebb.MessageKey{Queue: "bare", Service: ebb.DefaultService,
			ID: ebb.MessageID("bare-" + strconv.FormatInt(n.Add(1), 10))}, Lane: string(ebb.DefaultService), EnqueuedAt: now, Due: now, Body: body})
	}
	q := queue.New(queue.Config{}, s, nil, slog.New(slog.DiscardHandler))
	queued := func(tx *store.Tx) error {
		_, err := q.Enqueue(tx, queue.Enqueue{Queue: "queue", Service: ebb.DefaultService, Body: body})
		return err
	}
	var rates [5]float64 // sums over the rounds: bare and queue of one caller, of 64, and over HTTP
	for round := -1; round < b.rounds; round++ {
		progress("enqueue, round %d/%d", max(round+1, 0), b.rounds)
		var now [5]float64
		for i, m := range []struct {
			callers int
			fn      func(*store.Tx) error
		}{{1, bare}, {1, queued}, {eventCallers, bare}, {eventCallers, queued}} {
			if now[i], err = commits(ctx, s, m.callers, b.each, m.fn); err != nil {
				return err
			}
		}
		event, err := invokeEvent(b.platform, stopped, "Event")
		if err != nil {
			return err
		}
		event.status = http.StatusAccepted
		sent, err := load(event, eventCallers, b.each)
		if err != nil {
			return err
		}
		now[4] = sent.rate()
		for i := range now {
			if round >= 0 {
				rates[i] += now[i] / float64(b.rounds)
			}
		}
	}
	table := b.report.table("accepting events of 1 KiB", "rate/s", "of its yardstick", "bar")
	table.add("bare writer, 1 caller", rates[0], 1, 1)
	table.add("queue.Enqueue, 1 caller", rates[1], rates[1]/rates[0], 0.5)
	table.add(fmt.Sprintf("bare writer, %d callers", eventCallers), rates[2], 1, 1)
	table.add(fmt.Sprintf("queue.Enqueue, %d callers", eventCallers), rates[3], rates[3]/rates[2], 0.5)
	table.add(fmt.Sprintf("over HTTP, signed, %d callers", eventCallers), rates[4], rates[4]/rates[2], 0.2)
	table.note("the bare writer is the store with one INSERT; over HTTP the events are ended meanwhile, in the same process")
	return nil
}

// commits is how many Txs of fn so many callers get a second.
func commits(ctx context.Context, s *store.Store, callers int, d time.Duration, fn func(*store.Tx) error) (float64, error) {
	var done atomic.Int64
	begin := time.Now()
	err := together(callers, func(int) error {
		for time.Since(begin) < d {
			if err := s.Tx(ctx, fn); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	return float64(done.Load()) / time.Since(begin).Seconds(), err
}
