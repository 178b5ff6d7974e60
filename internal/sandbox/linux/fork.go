//go:build linux

package linux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// forkTimeout is how long a copy may take; it takes a few milliseconds.
const forkTimeout = 2 * time.Second

// order is what a zygote is told of a copy to be made. The descriptors beside it
// are, in this order: one end of a socket that the copy says on what it came to, its
// output, its framed socket, the box's PID, mount, network, IPC and UTS namespaces,
// with Ruleset a Landlock ruleset, and the box's groups, open for joining.
type order struct {
	UID      int         `json:"uid"`
	Dir      string      `json:"dir"`
	Rlimits  [][2]uint64 `json:"rlimits"`
	Ruleset  bool        `json:"ruleset"`
	Keyctl   int         `json:"keyctl"`   // number of that system call here
	Restrict int         `json:"restrict"` // and of landlock_restrict_self
	Seccomp  int         `json:"seccomp"`
}

// report is what a copy says once it is as confined as it will be.
type report struct {
	PID   uint32 `json:"pid"` // in the box
	Error string `json:"error"`
}

// Fork implements sandbox.Box.
func (b *box) Fork(ctx context.Context, z sandbox.Zygote, dir string) error {
	parent, ok := z.(*zygote)
	if !ok || b.image || parent.d != b.d {
		return unavailable("box %s: %w: not by this zygote", b.id, sandbox.ErrNotForked)
	}
	b.mu.Lock()
	switch {
	case b.destroyed:
		b.mu.Unlock()
		return unavailable("box %s: %w", b.id, errGone)
	case b.started:
		b.mu.Unlock()
		return unavailable("box %s: %w", b.id, errStarted)
	}
	b.started = true // nobody else may, meanwhile
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, forkTimeout)
	defer cancel()
	err := b.fork(ctx, parent, dir)
	if err == nil {
		return nil
	}
	if errors.Is(err, sandbox.ErrNotForked) {
		b.mu.Lock()
		b.started = false
		b.mu.Unlock()
	}
	return unavailable("box %s: %w", b.id, err)
}

// fork has the copy made and adopted.
func (b *box) fork(ctx context.Context, z *zygote, dir string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = write.Close() }()
	conn, theirs, err := socketPair(unix.SOCK_STREAM)
	if err != nil {
		return errors.Join(err, read.Close())
	}
	defer func() { _ = theirs.Close() }()
	birth, err := b.bear(ctx, z, dir, write, theirs)
	if err != nil {
		return errors.Join(fmt.Errorf("%w: %w", sandbox.ErrNotForked, err), read.Close(), conn.Close())
	}
	defer func() { _ = birth.conn.Close() }()
	_, err = b.ask(ctx, 0, func(id uint64) []byte {
		return (&initproto.Adopt{ID: id, PID: birth.pid}).Encode()
	})
	if err == nil {
		_, err = birth.conn.Write([]byte{1}) // it may go on
	}
	if err != nil {
		return errors.Join(err, read.Close(), conn.Close())
	}
	b.mu.Lock()
	b.output, b.conn = read, conn
	b.mu.Unlock()
	return nil
}

// newborn is a copy that waits in the box for a word.
type newborn struct {
	pid  uint32 // in the box
	conn *net.UnixConn
}

// bear has the zygote make a copy in the box. If it fails, what there is of one ends.
func (b *box) bear(ctx context.Context, z *zygote, dir string, output, framed *os.File) (*newborn, error) {
	ours, theirs, err := socketPair(unix.SOCK_SEQPACKET)
	if err != nil {
		return nil, err
	}
	files := []*os.File{theirs, output, framed}
	defer func() { closeFiles(append(files[3:], theirs)) }()
	child := &newborn{conn: ours}
	if files, err = b.cradle(ctx, files); err == nil {
		err = z.give(ctx, b.order(dir), files)
	}
	if err == nil {
		err = child.hear(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	return child, nil
}

// order is what the zygote must know.
func (b *box) order(dir string) *order {
	o := &order{UID: b.uid, Dir: dir, Ruleset: b.d.landlock > 0,
		Keyctl: unix.SYS_KEYCTL, Restrict: unix.SYS_LANDLOCK_RESTRICT_SELF, Seccomp: unix.SYS_SECCOMP}
	for _, l := range b.rlimits() {
		o.Rlimits = append(o.Rlimits, [2]uint64{uint64(l.Resource), l.Value})
	}
	return o
}

// cradle adds to files what it takes to come into the box.
func (b *box) cradle(ctx context.Context, files []*os.File) ([]*os.File, error) {
	count := 5
	if b.d.landlock > 0 {
		count++
	}
	inside, err := b.ask(ctx, count, func(id uint64) []byte {
		return (&initproto.Cradle{ID: id, Landlock: b.d.landlock, Writable: b.writable}).Encode()
	})
	files = append(files, inside...)
	if err != nil {
		return files, err
	}
	for _, parent := range b.d.groups.parents() {
		// Whoever writes to it joins, by the rights of who opened it.
		f, err := os.OpenFile(filepath.Join(parent, b.group.name, "cgroup.procs"), os.O_WRONLY, 0)
		if err != nil {
			return files, err
		}
		files = append(files, f)
	}
	return files, nil
}

// give hands an order to the zygote, and waits until what it made is on its own. A
// zygote that does not answer is ended.
func (z *zygote) give(ctx context.Context, o *order, files []*os.File) error {
	message, err := json.Marshal(o)
	if err != nil {
		return err
	}
	z.births.Lock()
	defer z.births.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = z.ctl.SetReadDeadline(time.Unix(1, 0)) })
	var answer []byte
	if err = send(z.ctl, message, files...); err == nil {
		answer, err = z.hear()
	}
	if !stop() {
		err = errors.Join(err, context.Cause(ctx))
	}
	if err != nil { // what it would answer next would be to something else
		_ = z.process.Kill()
		return z.explain(err)
	}
	if string(answer) != zygoteBorn {
		return fmt.Errorf("the zygote says: %s", answer)
	}
	return nil
}

// hear waits for what the copy came to.
func (n *newborn) hear(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = n.conn.SetReadDeadline(time.Unix(1, 0)) })()
	message, files, err := receive(n.conn)
	closeFiles(files)
	var r report
	switch {
	case err != nil:
		return fmt.Errorf("the copy says nothing: %w", err)
	case json.Unmarshal(message, &r) != nil || r.Error == "" && r.PID < 2:
		return errors.New("the copy says nonsense")
	case r.Error != "":
		return fmt.Errorf("the copy says: %s", r.Error)
	}
	n.pid = r.PID
	return nil
}
