//go:build linux

// The runtime must not hold the host's cgroup files open to follow CPU limits.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

func main() {
	// What a thread gives up is its own: see launch. This one stays whole, and no
	// other goroutine gets it.
	runtime.LockOSThread()
	ctl := &control{fd: controlFD}
	syscall.CloseOnExec(ctl.fd)
	// Neither its own program, which ebb starts it by, nor what ebb was started with and
	// never knew of comes any further.
	if err := unix.CloseRange(controlFD+1, ^uint(0), 0); err != nil {
		ctl.send(failed("close", "inherited descriptors", err).Encode())
		syscall.Exit(1)
	}
	if syscall.Getpid() != 1 {
		outside(ctl)
	}
	if failed := live(ctl); failed != nil {
		ctl.send(failed.Encode())
		syscall.Exit(1)
	}
}

// live is the whole life of a box. It returns only what broke the box.
func live(ctl *control) *initproto.Failed {
	var setup initproto.Setup
	message, fds := ctl.receive()
	tmp, image := -1, -1
	whole := setup.Decode(message)
	for _, m := range [...]struct {
		comes bool
		fd    *int
	}{{setup.TmpFD, &tmp}, {setup.ImageFD, &image}} {
		if whole = whole && (!m.comes || len(fds) > 0); whole && m.comes {
			*m.fd, fds = fds[0], fds[1:]
		}
	}
	if !whole || len(fds) > 0 || setup.Disk && !setup.TmpFD {
		return &initproto.Failed{Stage: "read setup message"}
	}
	if setup.Image != "" {
		if failed := lowPorts(); failed != nil {
			return failed
		}
	}
	if setup.Uncounted {
		if failed := boundBuffers(); failed != nil {
			return failed
		}
	}
	if failed := buildRoot(&setup, tmp, image); failed != nil {
		return failed
	}
	listeners, failed := openNetwork()
	if failed != nil {
		return failed
	}
	ctl.send([]byte{byte(initproto.KindReady)}, listeners...)
	for _, fd := range listeners {
		_ = syscall.Close(fd)
	}
	return serve(ctl, setup.Places)
}

// serve obeys ebb until the control socket ends.
func serve(ctl *control, places []string) *initproto.Failed {
	child := noChild
	for {
		message, fds := ctl.receive()
		switch initproto.KindOf(message) {
		case initproto.KindStart:
			var failed *initproto.Failed
			if child, failed = startIn(ctl, message, child, places, fds); failed != nil {
				return failed
			}
		case initproto.KindAttach:
			var a initproto.Attach
			if !a.Decode(message) || len(a.Targets) != len(fds) {
				return &initproto.Failed{Stage: "read attach message"}
			}
			if failed := attachAll(&a, fds, child); failed != nil {
				return failed
			}
			ctl.send((&initproto.Dialed{ID: a.ID}).Encode())
		case initproto.KindCradle:
			var c initproto.Cradle
			if c.Decode(message) {
				cradle(ctl, &c)
			}
		case initproto.KindAdopt:
			var a initproto.Adopt
			if !a.Decode(message) || child != noChild {
				return &initproto.Failed{Stage: "read adopt message"}
			}
			var failed *initproto.Failed
			if child, failed = adopt(ctl, &a); failed != nil {
				return failed
			}
		case initproto.KindDial:
			var d initproto.Dial
			if d.Decode(message) {
				dial(ctl, &d)
			}
		case initproto.KindRelay:
			var r initproto.Relay
			if r.Decode(message) {
				relay(ctl, &r)
			}
		case initproto.KindFlow:
			var f initproto.Flow
			if f.Decode(message) {
				flow(ctl, &f)
			}
		case initproto.KindSignal:
			var signal initproto.Signal
			if signal.Decode(message) {
				child.signal(int(signal.Number))
			}
		}
	}
}

// startIn obeys a start message and returns the box's runtime, which is child
// unless the message begins it. What could not be started is told to ebb.
func startIn(ctl *control, message []byte, child process, places []string, fds []int) (process, *initproto.Failed) {
	var start initproto.Start
	if !start.Decode(message) || child != noChild || len(fds) < 1 || start.Framed != (len(fds) == 2) {
		return child, &initproto.Failed{Stage: "read start message"}
	}
	started, failed := spawn(ctl, &start, places, fds)
	if failed != nil {
		failed.Number = start.Number
		ctl.send(failed.Encode())
	}
	if start.Number == 0 {
		child = started
	}
	return child, nil
}
