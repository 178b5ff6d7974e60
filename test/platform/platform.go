package platform

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ebb-faas/ebb/internal/hosttest"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// Config says what to start.
type Config struct {
	Data string   // data directory; made if missing
	Args []string // further arguments of "ebb serve"
	Env  []string // KEY=VALUE besides the caller's own environment
	Log  io.Writer
}

// Platform is one running "ebb serve".
type Platform struct {
	API     string // http://HOST:PORT
	Gateway string
	Data    string
	Client  *client.Client

	cmd  *exec.Cmd
	done chan struct{}
	err  error
	log  *tailBuffer
}

// startLimit is how long ebb may take to say that it is ready, on a machine that
// has much else to do.
const startLimit = 2 * time.Minute

// Binary is the ebb that is tested.
func Binary() (string, error) {
	path := os.Getenv("EBB_BIN")
	if path == "" {
		path = filepath.Join(hosttest.Root(), "bin", "ebb")
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no ebb to test: run make build (%w)", err)
	}
	return path, nil
}

// Start runs ebb on free ports of the loopback device and waits until it is ready.
func Start(ctx context.Context, cfg Config) (*Platform, error) {
	bin, err := Binary()
	if err != nil {
		return nil, err
	}
	if cfg.Data, err = filepath.Abs(cfg.Data); err != nil {
		return nil, err
	}
	args := append([]string{"serve", "--data", cfg.Data, "--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--s3", "127.0.0.1:0"}, cfg.Args...)
	p := &Platform{Data: cfg.Data, cmd: exec.Command(bin, args...), done: make(chan struct{}), log: &tailBuffer{also: cfg.Log}}
	p.cmd.Env = append(os.Environ(), cfg.Env...)
	p.cmd.Stderr = p.log
	if p.cmd.SysProcAttr, err = owner(cfg.Data); err != nil {
		return nil, err
	}
	p.cmd.SysProcAttr.Setpgid = true // the terminal's Ctrl-C is the caller's to pass on
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line := make(chan string, 1)
	go func() {
		r := bufio.NewReader(stdout)
		first, _ := r.ReadString('\n')
		line <- first
		_, _ = io.Copy(io.Discard, r)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	timer := time.NewTimer(startLimit)
	defer timer.Stop()
	select {
	case first := <-line:
		if _, err := fmt.Sscanf(first, "ready api=%s gateway=%s", &p.API, &p.Gateway); err == nil {
			return p, p.connect()
		}
		<-p.done
		return nil, fmt.Errorf("ebb serve ended: %w\n%s%s", p.err, first, p.log)
	case <-timer.C:
		err = errors.New("ebb serve did not become ready")
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(err, p.Kill(), errors.New(p.log.String()))
}

func (p *Platform) connect() error {
	cfg, err := client.Discover(p.Data)
	if err != nil {
		return errors.Join(err, p.Kill())
	}
	p.Client, err = client.New(cfg)
	return err
}

// PID is the process id of ebb serve.
func (p *Platform) PID() int { return p.cmd.Process.Pid }

// Lambda is the AWS SDK's client for this platform.
func (p *Platform) Lambda() *lambda.Client { return p.Client.Lambda() }

// Env is what makes AWS tools and SDKs in any language use this platform.
func (p *Platform) Env() []string {
	c := p.Client.Config()
	return []string{
		"AWS_ENDPOINT_URL=" + c.Endpoint, "AWS_REGION=" + c.Region, "AWS_DEFAULT_REGION=" + c.Region,
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey,
		"EBB_TOKEN=" + c.Token, "EBB_GATEWAY=" + p.Gateway, "EBB_DATA=" + p.Data,
	}
}

// Stop asks ebb to end and waits. Anything but a clean exit is an error.
func (p *Platform) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.Wait()
}

// Wait waits until ebb, which somebody has asked to end, has done so. Anything
// but a clean exit is an error.
func (p *Platform) Wait() error {
	timer := time.NewTimer(60 * time.Second)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		return errors.Join(errors.New("ebb serve did not stop within 60 s of SIGTERM"), p.Kill())
	}
	p.Client.Close()
	if p.err != nil {
		return fmt.Errorf("ebb serve: %w\n%s", p.err, p.log)
	}
	return nil
}

// Kill ends ebb with SIGKILL and waits until it is gone.
func (p *Platform) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if p.Client != nil {
		p.Client.Close()
	}
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Done is closed when ebb has ended, for whatever reason.
func (p *Platform) Done() <-chan struct{} { return p.done }

// Log is the end of what ebb wrote to its standard error.
func (p *Platform) Log() string { return p.log.String() }

// tailBuffer keeps the end of what is written to it.
type tailBuffer struct {
	mu   sync.Mutex
	text []byte
	also io.Writer
}

const tailKept = 64 << 10

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	if over := len(b.text) - tailKept; over > 0 {
		b.text = append(b.text[:0], b.text[over:]...)
	}
	if b.also != nil {
		_, _ = b.also.Write(p)
	}
	return len(p), nil
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.ToValidUTF8(string(b.text), "?")
}
