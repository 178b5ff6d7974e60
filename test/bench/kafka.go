package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ebb-faas/ebb/internal/trigger/kafka/kafkatest"
	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// What is read from Kafka: keyed records of 1 KiB, in batches of 100.
const (
	kafkaRecords    = 200_000
	kafkaBytes      = 1 << 10
	kafkaBatch      = 100
	kafkaPartitions = 4
	kafkaTopic      = "bench"
)

// kafka measures how many records a second a Node function is handed from a real
// broker, beside a bare consumer of the same records and 100 times the rate of
// warm invocations, small ones and such that bring 100 records each.
func (b *bench) kafka(ctx context.Context) (err error) {
	broker, err := kafkatest.Start(ctx, kafkatest.Config{Dir: filepath.Join(b.dir, "kafka")})
	if errors.Is(err, kafkatest.ErrMissing) {
		fmt.Println(err)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.Kill()) }()
	if err := broker.CreateTopic(ctx, kafkaTopic, kafkaPartitions); err != nil {
		return err
	}
	if err := produce(ctx, broker.Address); err != nil {
		return err
	}
	if err := b.platform.Create(ctx, platform.Function{Name: "records", Runtime: "nodejs", Handler: "index.handler", MemoryMB: memoryMB, TimeoutS: 30,
		Files: map[string]string{"index.js": "exports.handler = async () => ({});\n"}}); err != nil {
		return err
	}
	warm, err := b.invoked(invokeAPI(b.platform, "records"))
	if err != nil {
		return err
	}
	laden, err := b.invoked(invokeWith(b.platform, "records", kafkaEvent()))
	if err != nil {
		return err
	}
	bare, err := consume(ctx, broker.Address)
	if err != nil {
		return err
	}
	before, _, err := cpu(b.platform.PID())
	if err != nil {
		return err
	}
	through, err := b.mapped(ctx, broker.Address)
	if err != nil {
		return err
	}
	after, _, err := cpu(b.platform.PID())
	if err != nil {
		return err
	}
	yardstick := min(bare, kafkaBatch*warm.rate())
	table := b.report.table(fmt.Sprintf("Kafka, batches of %d of %d bytes", kafkaBatch, kafkaBytes), "records/s", "of the yardstick", "CPU µs", "bar")
	table.add("a bare consumer", bare, bare/yardstick, math.NaN(), math.NaN())
	table.add(fmt.Sprintf("%d × warm invocations, %d in flight", kafkaBatch, kafkaPartitions), kafkaBatch*warm.rate(), kafkaBatch*warm.rate()/yardstick, math.NaN(), math.NaN())
	table.add("the same with the event of a batch", kafkaBatch*laden.rate(), kafkaBatch*laden.rate()/yardstick, math.NaN(), math.NaN())
	table.add("through a Node function, committed", through, through/yardstick, ms(after-before)*1000/kafkaRecords, 0.5)
	table.note("%d records in %d partitions", kafkaRecords, kafkaPartitions)
	return nil
}

// invoked is a load of invocations by as many callers as there are partitions.
func (b *bench) invoked(target func() (request, error)) (sample, error) {
	r, err := target()
	if err != nil {
		return sample{}, err
	}
	r.want = nil
	return load(r, kafkaPartitions, b.each)
}

// kafkaEvent is an event like those that the function gets of a batch.
func kafkaEvent() []byte {
	value := base64.StdEncoding.EncodeToString(make([]byte, kafkaBytes))
	var records []string
	for i := range kafkaBatch {
		records = append(records, fmt.Sprintf(`{"topic":%q,"partition":0,"offset":%d,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"MTIz","value":%q,"headers":[]}`,
			kafkaTopic, i, value))
	}
	return fmt.Appendf(nil, `{"eventSource":"SelfManagedKafka","bootstrapServers":"127.0.0.1:9092","records":{"%s-0":[%s]}}`, kafkaTopic, strings.Join(records, ","))
}

// produce makes the records.
func produce(ctx context.Context, address string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic(kafkaTopic), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer cl.Close()
	value := []byte(strings.Repeat("x", kafkaBytes))
	var failed error
	for i := range kafkaRecords {
		if i%1000 == 0 {
			progress("producing records %d/%d", i, kafkaRecords)
		}
		cl.Produce(ctx, &kgo.Record{Key: []byte(strconv.Itoa(i % 1000)), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err // callbacks come one at a time
			}
		})
	}
	return errors.Join(cl.Flush(ctx), failed)
}

// consume is how many records a second a consumer takes that does nothing.
func consume(ctx context.Context, address string) (float64, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics(kafkaTopic), kgo.ConsumerGroup("bare"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	var begin time.Time
	for n := 0; n < kafkaRecords; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return 0, err
		}
		if begin.IsZero() { // joining the group is not reading
			begin = time.Now()
		}
		n += fetches.NumRecords()
		progress("bare consumer %d/%d", n, kafkaRecords)
	}
	return kafkaRecords / time.Since(begin).Seconds(), nil
}

// mapped is how many records a second go through the function, from the first
// commit that is seen to the last.
func (b *bench) mapped(ctx context.Context, address string) (float64, error) {
	const group = "mapped"
	settings, err := json.Marshal(map[string]any{"brokers": []string{address}, "topic": kafkaTopic, "group": group, "start": "TRIM_HORIZON", "batchSize": kafkaBatch})
	if err != nil {
		return 0, err
	}
	if _, err := b.platform.Client.CreateTrigger(ctx, "bench-kafka", client.TriggerSettings{Target: "records", Kafka: settings}); err != nil {
		return 0, err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	var begin time.Time
	var first int64
	err = platform.Poll(ctx, 5*time.Minute, func() error {
		at, err := committed(ctx, cl, group)
		if err != nil {
			return err
		}
		if at > 0 && begin.IsZero() {
			begin, first = time.Now(), at
		}
		progress("through a function %d/%d", at, kafkaRecords)
		if at < kafkaRecords {
			return fmt.Errorf("%d of %d records are committed", at, kafkaRecords)
		}
		return nil
	})
	return float64(kafkaRecords-first) / time.Since(begin).Seconds(), err
}

// committed is how many records the group has committed, in all partitions.
func committed(ctx context.Context, cl *kgo.Client, group string) (n int64, err error) {
	topic := kmsg.NewOffsetFetchRequestGroupTopic()
	topic.Topic = kafkaTopic
	for p := range kafkaPartitions {
		topic.Partitions = append(topic.Partitions, int32(p))
	}
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.Topics = group, append(g.Topics, topic)
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Groups = append(req.Groups, g)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return 0, err
	}
	for _, topic := range res.Groups[0].Topics {
		for _, p := range topic.Partitions {
			n += max(p.Offset, 0)
		}
	}
	return n, nil
}
