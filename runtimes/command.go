package runtimes

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Heap is how the memory of an instance is shared between a language's heap and
// everything else in its process.
type Heap struct {
	Percent   int `json:"percent"`   // of the memory is the heap's,
	ReserveMB int `json:"reserveMB"` // but this much is always left
}

// leastHeapMB is the heap of an instance that is too small for any.
const leastHeapMB = 16

// of is an even number: a collector rounds others up.
func (h Heap) of(memoryMB int) int {
	return max(leastHeapMB, min(memoryMB*h.Percent/100, memoryMB-h.ReserveMB)) &^ 1
}

// boxPath is a path of the box inside an argument: {/var/runtime/x}.
var boxPath = regexp.MustCompile(`\{/[^{}]*\}`)

// Command is the argv of an instance with that much memory. path turns a path of
// the box into the one that its processes see (sandbox.Box.Path).
func (r *Runtime) Command(memoryMB int, path func(string) string) []string {
	if r.Literal {
		return slices.Clone(r.Argv)
	}
	argv := make([]string, 0, len(r.Argv)+4)
	for _, a := range r.Argv {
		if a != "{prepared}" {
			argv = append(argv, r.argument(a, memoryMB, path))
			continue
		}
		if r.Prepare.ready(path) {
			for _, add := range r.Prepare.Adds {
				argv = append(argv, r.argument(add, memoryMB, path))
			}
		}
	}
	return argv
}

// ZygoteCommand is the argv of the process that instances can be copied from: ebb's
// own program on the host's own interpreter, for it has privileges until the copy is
// made. nil = the runtime has none.
func (r *Runtime) ZygoteCommand() []string {
	if r.Zygote == nil || r.Root != "" {
		return nil
	}
	argv := make([]string, 0, len(r.Zygote))
	for _, a := range r.Zygote {
		argv = append(argv, r.argument(a, 0, func(inside string) string { return inside }))
	}
	return argv
}

func (r *Runtime) argument(a string, memoryMB int, path func(string) string) string {
	if strings.HasPrefix(a, "/") {
		return path(a)
	}
	if !strings.Contains(a, "{") {
		return a
	}
	a = strings.ReplaceAll(a, "{heapMB}", strconv.Itoa(r.Heap.of(memoryMB)))
	return boxPath.ReplaceAllStringFunc(a, func(p string) string { return path(p[1 : len(p)-1]) })
}

// Kind tells processes apart that were started without code: those of one kind
// can stand in for each other. Runtimes with several names are of one kind, and
// one whose process must know its memory is of several.
func (r *Runtime) Kind(memoryMB int) string {
	if r.Protocol == HTTP || r.Protocol == Web { // only a box is made ahead
		kind := "box\x00" + r.Root
		if r.WritableRoot {
			kind += "\x00writable"
		}
		for _, m := range r.Mounts {
			kind += "\x00" + m.Source + "\x00" + m.Target
		}
		return kind
	}
	kind := r.Protocol + "\x00" + r.Root + "\x00" + strings.Join(r.Argv, "\x00") + "\x00" + strings.Join(r.Env, "\x00")
	if strings.Contains(kind, "{heapMB}") {
		kind += "\x00" + strconv.Itoa(r.Heap.of(memoryMB))
	}
	return kind
}
