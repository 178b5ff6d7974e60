//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// Attach passes detached copies of the host's mounts to ebb-init, which puts
// them on the box's places. Only ebb can see the sources, only ebb-init the
// targets.
func (b *box) Attach(ctx context.Context, mounts []sandbox.Mount, limits sandbox.Limits) error {
	if err := b.attach(ctx, mounts, limits); err != nil {
		return unavailable("box %s: attach: %w", b.id, err)
	}
	return nil
}

func (b *box) attach(ctx context.Context, mounts []sandbox.Mount, limits sandbox.Limits) error {
	spec := sandbox.Spec{ID: b.id, Mounts: mounts}
	if err := spec.Validate(); err != nil {
		return err
	}
	b.mu.Lock()
	switch {
	case b.destroyed:
		b.mu.Unlock()
		return errGone
	case b.attaching:
		b.mu.Unlock()
		return errors.New("it was attached to already")
	}
	b.attaching = true
	err := errors.Join(b.widen(mounts), b.group.limit(limits.WithDefaults()))
	b.mu.Unlock()
	if err != nil {
		return err
	}
	return b.mount(ctx, mounts, false)
}

// mount puts mounts on places of the box. early says that more may come, before
// any process does.
func (b *box) mount(ctx context.Context, mounts []sandbox.Mount, early bool) error {
	message := initproto.Attach{Early: early}
	var trees []*os.File
	defer func() { closeFiles(trees) }()
	for i := range mounts {
		t, err := b.tree(ctx, &mounts[i])
		if err != nil {
			return err
		}
		trees = append(trees, t)
		message.Targets = append(message.Targets, mounts[i].Target)
	}
	_, err := b.ask(ctx, 0, func(id uint64) []byte {
		message.ID = id
		return message.Encode()
	}, trees...)
	if errors.Is(err, errGone) {
		return errors.Join(errors.New("the box ended"), b.Exit().Err)
	}
	return err
}

// tree makes a detached mount of m's source.
func (b *box) tree(ctx context.Context, m *sandbox.Mount) (*os.File, error) {
	if m.Folder == nil {
		tree, err := openTree(*m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Source, err)
		}
		return tree, nil
	}
	tree, err := b.openFolder(ctx, m)
	if err != nil {
		return nil, &sandbox.FolderError{Source: m.Source, Target: m.Target, Err: err}
	}
	return tree, nil
}

// widen lets the process write to the mounts that are for writing. Once it runs
// that was decided.
func (b *box) widen(mounts []sandbox.Mount) error {
	for _, m := range mounts {
		switch {
		case !m.Writable:
		case !b.started:
			b.writable = append(b.writable, m.Target)
		case b.d.landlock > 0 && !underMountRoot(m.Target):
			return fmt.Errorf("%s: a writable mount for a running process has to be below %s", m.Target, mountRoot)
		}
	}
	return nil
}

// openTree makes a detached copy of the mounts at m.Source with the attributes
// that they are to have in a box.
func openTree(m sandbox.Mount) (*os.File, error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE)
	fd, err := unix.OpenTree(unix.AT_FDCWD, m.Source, flags)
	if err != nil {
		return nil, err
	}
	set := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV, Propagation: unix.MS_PRIVATE}
	if !m.Writable {
		set.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &set); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), m.Source), nil
}
