//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// Bounds of opening a folder whose server may be gone.
const (
	folderTimeout = 3 * time.Second
	folderStuck   = 4 // processes that hang on one source; more are not tried
)

// stuck counts the processes that were given up, by source, until they end.
type stuck struct {
	mu    sync.Mutex
	count map[string]int
}

func (s *stuck) add(source string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == nil {
		s.count = make(map[string]int)
	}
	if s.count[source] += n; s.count[source] == 0 {
		delete(s.count, source)
	}
}

func (s *stuck) of(source string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[source]
}

var (
	errFolderOwner = errors.New("a folder with an owner takes the machine's root: leave owner out, and let everybody write to the folder")
	errFolderStuck = errors.New("the folder does not answer")
	errNoIDMap     = errors.New("its file system has no id-mapped mounts: leave owner out, and let everybody write to the folder")
)

// openFolder makes a detached mount of a folder, with what the policy says about
// it in force.
func (b *box) openFolder(ctx context.Context, m *sandbox.Mount) (*os.File, error) {
	if m.Folder.Owned && b.d.rootless != nil {
		return nil, errFolderOwner
	}
	tree, err := b.d.folderTree(ctx, m.Source)
	if err != nil {
		return nil, err
	}
	set := unix.MountAttr{Attr_set: nosuidNodev, Propagation: unix.MS_PRIVATE}
	if !m.Writable {
		set.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if m.Folder.NoExec {
		set.Attr_set |= unix.MOUNT_ATTR_NOEXEC
	}
	if m.Folder.Owned {
		users, err := b.d.users(m.Folder, b.uid, b.gid)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("map the owner: %w", err), tree.Close())
		}
		defer func() { _ = users.Close() }()
		set.Attr_set |= unix.MOUNT_ATTR_IDMAP
		set.Userns_fd = uint64(users.Fd())
	}
	err = unix.MountSetattr(int(tree.Fd()), "", unix.AT_EMPTY_PATH, &set)
	if errors.Is(err, unix.EINVAL) && m.Folder.Owned {
		err = errNoIDMap
	}
	if err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	return tree, nil
}

const nosuidNodev = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV

// folderTree has a process of its own open the folder: what waits for a server
// that is gone can then be killed, and ebb waits no longer than it wants to.
func (d *Driver) folderTree(ctx context.Context, source string) (*os.File, error) {
	if d.stuck.of(source) >= folderStuck {
		return nil, errFolderStuck
	}
	p, ctl, err := d.startOutside(0, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = ctl.Close() }()
	d.stuck.add(source, 1)
	defer func() {
		_ = p.Kill()
		d.cleaning.Add(1)
		go func() {
			defer d.cleaning.Done()
			_, _ = p.Wait()
			d.stuck.add(source, -1)
		}()
	}()
	ctx, cancel := context.WithTimeout(ctx, folderTimeout)
	defer cancel()
	unhook := context.AfterFunc(ctx, func() { _ = ctl.SetReadDeadline(time.Unix(1, 0)) })
	defer unhook()
	if _, _, err := ctl.WriteMsgUnix((&initproto.Folder{Source: source}).Encode(), nil, nil); err != nil {
		return nil, err
	}
	message, files, err := receive(ctl)
	var m initproto.Dialed
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, errFolderStuck
	case err != nil:
		return nil, err
	case !m.Decode(message) || m.Errno == 0 && len(files) != 1:
		closeFiles(files)
		return nil, errors.New("the process that opens folders answers nonsense")
	case m.Errno == uint32(unix.ELOOP):
		return nil, errors.New("it is a symbolic link, or reached through one")
	case m.Errno != 0:
		return nil, syscall.Errno(m.Errno)
	}
	return files[0], nil
}

// users makes a user namespace in which the owner of a folder's files is the
// user of a box, and nobody else is anybody.
func (d *Driver) users(f *sandbox.Folder, uid, gid int) (*os.File, error) {
	return d.userNamespace([]syscall.SysProcIDMap{{ContainerID: f.UID, HostID: uid, Size: 1}},
		[]syscall.SysProcIDMap{{ContainerID: f.GID, HostID: gid, Size: 1}})
}

// userNamespace makes one that no process is in.
func (d *Driver) userNamespace(uids, gids []syscall.SysProcIDMap) (*os.File, error) {
	p, ctl, err := d.startOutside(unix.CLONE_NEWUSER, func(attr *syscall.SysProcAttr) {
		attr.UidMappings, attr.GidMappings = uids, gids
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = ctl.Close()
		_ = p.Kill()
		_, _ = p.Wait()
	}()
	return os.Open(fmt.Sprintf("/proc/%d/ns/user", p.Pid))
}

// startOutside starts an ebb-init that is in no box.
func (d *Driver) startOutside(flags uintptr, set func(*syscall.SysProcAttr)) (*os.Process, *net.UnixConn, error) {
	ours, theirs, err := socketPair(unix.SOCK_SEQPACKET)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = theirs.Close() }()
	attr := &syscall.SysProcAttr{Cloneflags: flags, Setsid: true}
	if set != nil {
		set(attr)
	}
	p, err := d.startInit(theirs, attr)
	if err != nil {
		return nil, nil, errors.Join(err, ours.Close())
	}
	return p, ours, nil
}
