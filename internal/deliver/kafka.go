package deliver

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Kafka writes deliveries to topics. All in-sync replicas have one when it is
// delivered.
type Kafka struct {
	brokers []string

	mu     sync.Mutex
	client *kgo.Client // made at the first delivery
}

// NewKafka makes the target.
func NewKafka(cfg KafkaConfig) *Kafka { return &Kafka{brokers: cfg.Brokers} }

// Check implements Target.
func (k *Kafka) Check(ebb.Target) error { return nil }

// Deliver implements Target.
func (k *Kafka) Deliver(ctx context.Context, t ebb.Target, d *Delivery) error {
	client, err := k.connect()
	if err != nil {
		return err
	}
	r := &kgo.Record{Topic: t.Topic, Key: []byte(d.Request), Value: d.Content}
	for name, value := range d.Attributes {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	return client.ProduceSync(ctx, r).FirstErr()
}

func (k *Kafka) connect() (*kgo.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.client != nil {
		return k.client, nil
	}
	// The queue tries again: here a few times are enough.
	client, err := kgo.NewClient(kgo.SeedBrokers(k.brokers...), kgo.ClientID("ebb"),
		kgo.RecordRetries(3), kgo.RecordDeliveryTimeout(DefaultHTTPTimeout))
	if err != nil {
		return nil, err
	}
	k.client = client
	return client, nil
}

// Close implements Target.
func (k *Kafka) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.client != nil {
		k.client.Close()
		k.client = nil
	}
	return nil
}
