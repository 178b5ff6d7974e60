package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ebb-faas/ebb/internal/hosttest"
)

// ErrMissing is why there is no Kafka on this host.
var ErrMissing = errors.New("there is no JDK or no Maven: Kafka cannot be fetched and started")

// Check ends t if Start failed.
func Check(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) {
		hosttest.Lacks(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Config says what to start.
type Config struct {
	Dir string // of the broker's data and log; made if missing
	// Proxied makes a listener whose clients are told to come by this address, at
	// which the test has something that passes them on to Broker.Behind.
	Proxied string
	// Secure makes listeners for SASL and TLS.
	Secure *Secure
}

// Broker is a Kafka of one process.
type Broker struct {
	Address string // HOST:PORT, plain
	Behind  string // with Config.Proxied
	SASL    string // with Config.Secure: PLAIN and SCRAM, plain
	SASLTLS string // the same over TLS
	TLS     string // certificates on both sides

	dir  string
	args []string
	cmd  *exec.Cmd
	done chan struct{}
	log  *os.File
}

// startLimit is how long a broker may take to answer, on a machine that has much
// else to do.
const startLimit = 2 * time.Minute

var fetched = sync.OnceValues(func() (string, error) {
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", ErrMissing
		}
	}
	dir := filepath.Join(hosttest.Root(), "build", "kafka")
	out, err := exec.Command(filepath.Join(hosttest.Root(), "scripts", "kafka.sh"), dir).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("scripts/kafka.sh: %w\n%s", err, out)
	}
	return dir, nil
})

// Start starts a broker and waits until it answers.
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	jars, err := fetched()
	if err != nil {
		return nil, err
	}
	b := &Broker{dir: cfg.Dir}
	data := filepath.Join(cfg.Dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	properties, err := b.properties(cfg, data)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(cfg.Dir, "server.properties")
	// What "kafka-storage.sh format" writes, without a Java process for it.
	meta := "version=1\nnode.id=1\ncluster.id=ZWJiLXRlc3RzLWthZmthXw\ndirectory.id=ZWJiLXRlc3RzLWxvZ2Rpcg\n"
	for name, text := range map[string]string{file: properties, filepath.Join(data, "meta.properties"): meta} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	b.args = []string{"-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", filepath.Join(jars, "*"), "kafka.Kafka", file}
	if err := b.launch(); err != nil {
		return nil, err
	}
	if err := b.await(ctx); err != nil {
		return nil, errors.Join(err, b.Kill(), errors.New(b.Log()))
	}
	if cfg.Secure != nil {
		if err := b.addUsers(ctx, cfg.Secure); err != nil {
			return nil, errors.Join(err, b.Kill())
		}
	}
	return b, nil
}

// properties is the broker's configuration.
func (b *Broker) properties(cfg Config, data string) (string, error) {
	const most = 6
	ports, err := freePorts(most)
	if err != nil {
		return "", err
	}
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	b.Address = at(0)
	listen := []string{"PLAINTEXT://" + at(0), "CONTROLLER://" + at(1)}
	tell := []string{"PLAINTEXT://" + at(0)}
	kinds := []string{"PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"}
	if cfg.Proxied != "" {
		b.Behind = at(2)
		listen, tell = append(listen, "PROXIED://"+at(2)), append(tell, "PROXIED://"+cfg.Proxied)
		kinds = append(kinds, "PROXIED:PLAINTEXT")
	}
	text := ""
	if cfg.Secure != nil {
		b.SASL, b.SASLTLS, b.TLS = at(3), at(4), at(5)
		for _, l := range []struct{ name, kind, address string }{{"SASLPLAIN", "SASL_PLAINTEXT", at(3)}, {"SASLTLS", "SASL_SSL", at(4)}, {"MUTUAL", "SSL", at(5)}} {
			listen, tell = append(listen, l.name+"://"+l.address), append(tell, l.name+"://"+l.address)
			kinds = append(kinds, l.name+":"+l.kind)
		}
		text = cfg.Secure.properties()
	}
	return strings.Join([]string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + at(1),
		"listeners=" + strings.Join(listen, ","), "advertised.listeners=" + strings.Join(tell, ","),
		"controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAINTEXT",
		"listener.security.protocol.map=" + strings.Join(kinds, ","),
		"log.dirs=" + data, "num.partitions=1", "auto.create.topics.enable=false",
		"offsets.topic.replication.factor=1", "offsets.topic.num.partitions=1",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "transaction.state.log.num.partitions=1",
		"group.initial.rebalance.delay.ms=0", "num.network.threads=2", "num.io.threads=2", "background.threads=2",
		"log.cleaner.dedupe.buffer.size=2097152", "message.max.bytes=16777216", text,
	}, "\n") + "\n", nil
}

// freePorts are ports that were free a moment ago.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() //nolint:revive // all at once at the end, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func (b *Broker) launch() (err error) {
	if b.log, err = os.OpenFile(filepath.Join(b.dir, "broker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	b.cmd, b.done = exec.Command("java", b.args...), make(chan struct{})
	b.cmd.Dir, b.cmd.Stdout, b.cmd.Stderr = b.dir, b.log, b.log
	b.cmd.SysProcAttr = withParent()
	if err := b.cmd.Start(); err != nil {
		return errors.Join(err, b.log.Close())
	}
	go func() {
		_ = b.cmd.Wait()
		_ = b.log.Close()
		close(b.done)
	}()
	return nil
}

// await waits until the broker answers.
func (b *Broker) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address))
	if err != nil {
		return err
	}
	defer cl.Close()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		req := kmsg.NewPtrMetadataRequest()
		req.Topics = []kmsg.MetadataRequestTopic{}
		if res, err := req.RequestWith(ctx, cl); err == nil && len(res.Brokers) == 1 && coordinates(ctx, cl) {
			return nil
		}
		select {
		case <-tick.C:
		case <-b.done:
			return errors.New("the broker ended")
		case <-ctx.Done():
			return fmt.Errorf("the broker did not answer within %s", startLimit)
		}
	}
}

// coordinates reports whether groups can be had: the first time, the broker makes
// a topic for them.
func coordinates(ctx context.Context, cl *kgo.Client) bool {
	req := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = "nobody"
	req.Groups = append(req.Groups, g)
	res, err := req.RequestWith(ctx, cl)
	return err == nil && len(res.Groups) == 1 && res.Groups[0].ErrorCode == 0
}

// Kill ends the broker with SIGKILL and waits until it is gone.
func (b *Broker) Kill() error {
	err := b.cmd.Process.Kill()
	<-b.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Restart starts a broker anew that has ended, and waits until it answers.
func (b *Broker) Restart(ctx context.Context) error {
	if err := b.launch(); err != nil {
		return err
	}
	return b.await(ctx)
}

// Log is what the broker wrote, at most the end of it.
func (b *Broker) Log() string {
	text, err := os.ReadFile(filepath.Join(b.dir, "broker.log"))
	if err != nil {
		return err.Error()
	}
	const most = 8 << 10
	return string(text[max(0, len(text)-most):])
}

// CreateTopic makes a topic.
func (b *Broker) CreateTopic(ctx context.Context, topic string, partitions int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address))
	if err != nil {
		return err
	}
	defer cl.Close()
	req := kmsg.NewPtrCreateTopicsRequest()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, int32(partitions), 1
	req.Topics = append(req.Topics, t)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(res.Topics[0].ErrorCode)
}

// Tool runs one of Kafka's own tools, by its class, until it ends.
func (b *Broker) Tool(ctx context.Context, input []byte, class string, args ...string) ([]byte, error) {
	jars, err := fetched()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "java", append([]string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(jars, "*"), class}, args...)...)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("%s: %w\n%s", class, err, out)
	}
	return out, nil
}
