package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	client "github.com/ebb-faas/ebb/sdk/go"
)

const (
	startTimeout = time.Minute      // until the ready line; the first start looks for interpreters
	stopTimeout  = 40 * time.Second // ebb itself drains for 30 s at most
)

// platform is a running "ebb serve".
type platform struct {
	ebb    string
	data   string
	shared string // folder that functions may ask for
	log    string // file with its own messages
	cmd    *exec.Cmd
	ended  chan error // what Wait returned, once
	client *client.Client
}

// start serves data on two free ports of the loopback address and returns when
// the platform answers.
func start(ctx context.Context, s settings, data string) (*platform, error) {
	p := &platform{ebb: s.ebb, data: data, log: filepath.Join(s.out, "ebb.log"), ended: make(chan error, 1)}
	p.shared = data + "-shared"
	config, err := shareFolder(p.shared)
	if err != nil {
		return nil, err
	}
	configFile := data + ".yaml"
	if err := os.WriteFile(configFile, []byte(config), 0o600); err != nil {
		return nil, err
	}
	messages, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = messages.Close() }() // the process has its own descriptor
	// An interrupted demo still stops the platform cleanly: stop does, not ctx.
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), s.ebb, "serve", "--data", data, "--config", configFile,
		"--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--s3", "off")
	p.cmd.Stderr = messages
	// Ctrl-C goes to the demo alone, which then stops the platform.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(stdout)
		for said := false; lines.Scan(); {
			if !said && strings.HasPrefix(lines.Text(), "ready ") {
				said = true
				close(ready)
			}
		}
		p.ended <- p.cmd.Wait()
	}()
	select {
	case <-ready:
	case err := <-p.ended:
		return nil, p.explain(fmt.Errorf("ebb serve ended before it was ready: %w", err))
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), p.stop())
	case <-time.After(startTimeout):
		return nil, p.explain(errors.Join(errors.New("ebb serve was not ready in time"), p.stop()))
	}
	if err := p.connect(); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *platform) connect() error {
	cfg, err := client.Discover(p.data)
	if err != nil {
		return err
	}
	p.client, err = client.New(cfg)
	return err
}

// stop ends the platform as an operator would, and complains if it did not end
// by itself, in time, with exit status 0.
func (p *platform) stop() error {
	if p.client != nil {
		p.client.Close()
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-p.ended:
		if err != nil {
			return p.explain(fmt.Errorf("ebb serve did not stop cleanly: %w", err))
		}
		return nil
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill() // it ends what Wait waits for, or has ended
		return p.explain(errors.Join(errors.New("ebb serve did not stop in time and was killed"), <-p.ended))
	}
}

// explain adds the end of the platform's messages to an error.
func (p *platform) explain(err error) error {
	text, readErr := os.ReadFile(p.log)
	if readErr != nil || len(text) == 0 {
		return err
	}
	const tail = 2000
	if len(text) > tail {
		text = text[len(text)-tail:]
	}
	return fmt.Errorf("%w\nthe end of %s:\n%s", err, p.log, text)
}

// deploy runs "ebb deploy" on an example's folder.
func (p *platform) deploy(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, p.ebb, "deploy", dir, "--data", p.data)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return p.explain(fmt.Errorf("ebb deploy %s: %w\n%s", dir, err, out))
	}
	return nil
}

// hasJava reports whether the platform can run Java and this machine can make
// it.
func (p *platform) hasJava(ctx context.Context) (bool, error) {
	for _, tool := range []string{"javac", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return false, nil //nolint:nilerr // that is the answer
		}
	}
	node, err := p.client.Node(ctx)
	if err != nil {
		return false, err
	}
	return slices.Contains(node.Runtimes, "java"), nil
}
