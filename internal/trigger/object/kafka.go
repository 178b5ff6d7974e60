package object

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// topic reads notifications that another store writes to a Kafka topic.
type topic struct {
	k *Kind
	t *ebb.Trigger
	s *Settings
}

// maxPoll is how many records are handled before their positions are committed.
const maxPoll = 500

// silence is after how long without an answer of a broker it is down, quiet after
// how long without a record it is asked.
const (
	silence = 10 * time.Second
	quiet   = 2 * time.Second
)

// Run implements trigger.Source. A position is committed when what stands before
// it is durable. A record that is no notification is counted and passed over.
func (s *topic) Run(ctx context.Context, up func()) error {
	opts, err := s.options(ctx)
	if err != nil {
		return err
	}
	c, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer c.CloseAllowingRebalance()
	if err := s.ping(ctx, c); err != nil {
		return err
	}
	up()
	for {
		poll, stop := context.WithTimeout(ctx, quiet)
		fetches := c.PollRecords(poll, maxPoll)
		over := poll.Err()
		stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if over != nil && fetches.NumRecords() == 0 { // the client does not say that its brokers are gone
			c.AllowRebalance()
			if err := s.ping(ctx, c); err != nil {
				return err
			}
			continue
		}
		var failed []error
		fetches.EachError(func(topic string, partition int32, err error) {
			failed = append(failed, fmt.Errorf("%s-%d: %w", topic, partition, err))
		})
		if err := errors.Join(failed...); err != nil {
			return err
		}
		for records := fetches.RecordIter(); !records.Done(); {
			if err := s.handle(ctx, records.Next()); err != nil {
				return err
			}
		}
		if err := c.CommitUncommittedOffsets(ctx); err != nil {
			return err
		}
		c.AllowRebalance()
		up()
	}
}

func (s *topic) ping(ctx context.Context, c *kgo.Client) error {
	ctx, stop := context.WithTimeout(ctx, silence)
	defer stop()
	if err := c.Ping(ctx); err != nil {
		return fmt.Errorf("no broker of %s answers: %w", strings.Join(s.s.Kafka.Brokers, ","), err)
	}
	return nil
}

func (s *topic) handle(ctx context.Context, r *kgo.Record) error {
	events, err := parse(r.Value)
	if err != nil {
		s.k.deps.Log.Warn("a record is no notification", "trigger", s.t.Name, "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
		return s.k.count(ctx, s.t, &ebb.TriggerState{LastAt: s.k.deps.Now(), Skipped: 1, Outcome: "malformed",
			Position: fmt.Sprintf("%s-%d@%d", r.Topic, r.Partition, r.Offset)}, nil)
	}
	for i := range events {
		if err := s.k.offer(ctx, s.t, &events[i], nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *topic) options(ctx context.Context) ([]kgo.Opt, error) {
	c := s.s.Kafka
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...), kgo.ConsumeTopics(c.Topic), kgo.ConsumerGroup(c.Group), kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
	if c.TLS || c.CA != "" {
		cfg := &tls.Config{MinVersion: tls.VersionTLS12}
		if c.CA != "" {
			cfg.RootCAs = x509.NewCertPool()
			cfg.RootCAs.AppendCertsFromPEM([]byte(c.CA))
		}
		opts = append(opts, kgo.DialTLSConfig(cfg))
	}
	if c.Mechanism == "" {
		return opts, nil
	}
	password, err := s.k.reveal(ctx, s.t, c.Password)
	if err != nil {
		return nil, err
	}
	by := map[string]sasl.Mechanism{
		"PLAIN":         plain.Auth{User: c.Username, Pass: password}.AsMechanism(),
		"SCRAM-SHA-256": scram.Auth{User: c.Username, Pass: password}.AsSha256Mechanism(),
		"SCRAM-SHA-512": scram.Auth{User: c.Username, Pass: password}.AsSha512Mechanism(),
	}[c.Mechanism]
	return append(opts, kgo.SASL(by)), nil
}
