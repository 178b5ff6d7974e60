//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// namespaces a box has of its own. The cgroup one follows in ebb-init, once the
// box is in its groups.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUTS | unix.CLONE_NEWNET

// create does the work of Driver.Create. What it took before an error is given
// back by Destroy.
func (b *box) create(ctx context.Context, spec sandbox.Spec) error {
	blank, err := b.blank()
	if err != nil {
		return err
	}
	b.init, b.ctl, b.group = blank.init, blank.ctl, blank.group
	if err = b.identify(spec.User); err != nil {
		return err
	}
	setup, err := b.setup(ctx, spec)
	if err != nil {
		return err
	}
	if err := b.handshake(ctx, setup); err != nil {
		return err
	}
	return b.mountFolders(ctx, &spec)
}

// mountFolders adds the folders of others. The box's own parts do not wait for
// them, and ebb-init never does.
func (b *box) mountFolders(ctx context.Context, spec *sandbox.Spec) error {
	var folders []sandbox.Mount
	for _, m := range spec.Mounts {
		if m.Folder != nil {
			folders = append(folders, m)
		}
	}
	if folders == nil {
		return nil
	}
	return b.mount(ctx, folders, true)
}

// blank takes one that was made ahead, or makes one.
func (b *box) blank() (*blank, error) {
	s := b.d.ahead.take()
	if s == nil {
		return b.d.newBlank(b.id, b.limits)
	}
	if err := s.group.limit(b.limits); err != nil {
		b.d.ahead.drop(s)
		return nil, err
	}
	return s, nil
}

// startInit starts ebb-init with one end of its control socket. Its program is handed
// down like the socket and executed from where it comes to lie: before it executes, the
// child moves a pipe to the number after the highest that is handed down, whatever ebb
// has there.
func (d *Driver) startInit(ctl *os.File, attr *syscall.SysProcAttr) (*os.Process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	return os.StartProcess("/proc/self/fd/4", []string{"ebb-init"}, &os.ProcAttr{
		Dir:   "/",
		Env:   []string{}, // nil would hand ours down
		Files: []*os.File{null, null, os.Stderr, ctl, d.init},
		Sys:   attr,
	})
}

// socketPair returns a connection and a file to hand to a process.
func socketPair(kind int) (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "socket")
	f := os.NewFile(uintptr(fds[0]), "socket")
	defer func() { _ = f.Close() }()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}

// setup says what the box must become, and gets it its /tmp.
func (b *box) setup(ctx context.Context, spec sandbox.Spec) (*initproto.Setup, error) {
	s := &initproto.Setup{
		Root:     b.d.stage,
		Hostname: hostname,
		Places:   places(&spec),
		ShmBytes: uint64(b.limits.ShmMB) << 20,

		Uncounted: b.d.watch != nil,
	}
	b.writable = writablePlaces(&spec)
	if spec.Root == "" {
		s.Links, s.Files = b.d.rootfs.links, b.d.rootfs.files(b.uid)
		s.Mounts = append(s.Mounts, b.d.rootfs.mounts...)
	} else {
		if err := b.setRoot(s, &spec); err != nil {
			return nil, fmt.Errorf("image: %w", err)
		}
	}
	for _, m := range spec.Mounts {
		if m.Folder != nil {
			continue // comes when the box is there, see mountFolders
		}
		s.Mounts = append(s.Mounts, initproto.Mount{Source: m.Source, Target: m.Target, Writable: m.Writable})
	}
	s.Disk = spec.WritableRoot
	if err := b.setTmp(ctx, s); err != nil {
		return nil, fmt.Errorf("/tmp: %w", err)
	}
	return s, nil
}

// setTmp gets the box a disk for /tmp, or a directory where there are none.
func (b *box) setTmp(ctx context.Context, s *initproto.Setup) (err error) {
	if b.d.tmp != nil || b.d.rootless != nil {
		if b.d.tmp != nil {
			b.tmp, err = b.d.tmp.take(ctx, b.limits.TmpMB)
		} else {
			b.tmp, err = rootlessTmp(b.limits.TmpMB)
		}
		s.TmpFD = true
		return err
	}
	b.tmpDir = b.d.plainTmp(b.id)
	if err := errors.Join(os.MkdirAll(b.tmpDir, 0o700), os.Chown(b.tmpDir, b.uid, b.gid)); err != nil {
		return err
	}
	if s.Disk {
		b.tmp, err = openTree(sandbox.Mount{Source: b.tmpDir, Writable: true})
		s.TmpFD = true
		return err
	}
	s.Mounts = append(s.Mounts, initproto.Mount{Source: b.tmpDir, Target: "/tmp", Writable: true})
	return nil
}

// plainTmp is the directory behind a box's /tmp where there are no loop images.
func (d *Driver) plainTmp(id string) string { return filepath.Join(d.run, "plain", id) }

// handshake sends Setup and waits for the listeners.
func (b *box) handshake(ctx context.Context, setup *initproto.Setup) error {
	ctx, cancel := context.WithTimeout(ctx, b.d.cfg.StartTimeout)
	defer cancel()
	unhook := context.AfterFunc(ctx, func() { _ = b.ctl.SetReadDeadline(time.Unix(1, 0)) })
	defer unhook()
	var fds []*os.File
	for _, f := range []*os.File{b.tmp, b.imageTree} {
		if f != nil {
			fds = append(fds, f)
		}
	}
	if err := b.send(setup.Encode(), fds...); err != nil {
		return err
	}
	if b.imageTree != nil {
		_ = b.imageTree.Close()
		b.imageTree = nil
	}
	message, files, err := b.receive()
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("ebb-init ended while it made the box: %w", err)
	}
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if initproto.KindOf(message) != initproto.KindReady || len(files) != 2 {
		return explain(message)
	}
	if b.runtimeAPI, err = newListener(files[0]); err != nil {
		return err
	}
	if b.endpoint, err = newListener(files[1]); err != nil {
		return err
	}
	if !unhook() {
		return context.Cause(ctx)
	}
	go b.watch()
	b.watched = true
	return nil
}

// explain turns a Failed message into an error.
func explain(message []byte) error {
	_, err := failure(message)
	return err
}

// failure reads a Failed message: whose it is, and what it says.
func failure(message []byte) (number uint64, err error) {
	var f initproto.Failed
	if !f.Decode(message) {
		return 0, fmt.Errorf("unexpected message %d from ebb-init", initproto.KindOf(message))
	}
	what := f.Stage
	if f.Path != "" {
		what += " " + f.Path
	}
	if f.Errno == 0 {
		return f.Number, errors.New(what)
	}
	return f.Number, fmt.Errorf("%s: %w", what, syscall.Errno(f.Errno))
}

// errMessageSize is an argument list and environment that do not fit.
var errMessageSize = fmt.Errorf("arguments and environment are larger than %d bytes", initproto.MaxMessage)

// send passes a message and descriptors to ebb-init. The files stay ours.
func (b *box) send(message []byte, files ...*os.File) error { return send(b.ctl, message, files...) }

func send(ctl *net.UnixConn, message []byte, files ...*os.File) error {
	if len(message) > initproto.MaxMessage {
		return errMessageSize
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	_, _, err := ctl.WriteMsgUnix(message, rights, nil)
	return err
}

// receive returns the next message of ebb-init, and the descriptors beside it.
func (b *box) receive() ([]byte, []*os.File, error) { return receive(b.ctl) }

func receive(ctl *net.UnixConn) ([]byte, []*os.File, error) {
	message, rights := make([]byte, 4096), make([]byte, 64)
	n, rn, _, _, err := ctl.ReadMsgUnix(message, rights)
	if err != nil {
		return nil, nil, err
	}
	var files []*os.File
	if rn > 0 {
		parsed, err := unix.ParseSocketControlMessage(rights[:rn])
		if err != nil {
			return nil, nil, err
		}
		for i := range parsed {
			fds, err := unix.ParseUnixRights(&parsed[i])
			if err != nil {
				return nil, nil, err
			}
			for _, fd := range fds {
				files = append(files, os.NewFile(uintptr(fd), "passed"))
			}
		}
	}
	return message[:n], files, nil
}
