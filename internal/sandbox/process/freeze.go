package process

import "syscall"

// Freeze stops the process group. A process that left the group goes on.
func (b *box) Freeze() error { return b.signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (b *box) Thaw() error { return b.signal(syscall.SIGCONT) }

func (b *box) signal(s syscall.Signal) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.process == nil || b.reaped {
		return unavailable("box %s: no process is running in it", b.id)
	}
	if err := syscall.Kill(-b.process.Pid, s); err != nil {
		return unavailable("box %s: %w", b.id, err)
	}
	return nil
}
