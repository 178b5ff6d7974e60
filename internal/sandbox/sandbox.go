package sandbox

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
)

// Driver makes boxes. sandbox/linux and sandbox/process are the two.
type Driver interface {
	// Level tells how strong the isolation in force is.
	Level() Level
	// Sweep removes what an earlier ebb left behind in this data directory:
	// processes, cgroups, mounts, directories. Called once, before Create.
	Sweep(ctx context.Context) error
	// Create makes a box in which nothing of the user's runs yet. Its listeners
	// are open when Create returns.
	Create(ctx context.Context, spec Spec) (Box, error)
	// Zygote starts a process that Box.Fork makes copies of, and returns when it is
	// ready. What it runs is ebb's own and never anything of a user's: it has the
	// privileges to enter boxes. spec says what it sees of the host; Root is "". It
	// works where Level.Forks.
	Zygote(ctx context.Context, spec Spec, p Process) (Zygote, error)
	// Close destroys the boxes and zygotes that are left, waits for those being torn down in
	// the background and releases what the driver holds (tmp images, the parent
	// cgroup). Create fails from then on.
	Close() error
}

// Box is one isolated place to run one runtime process and its children.
// All methods may be called from several goroutines.
type Box interface {
	// RuntimeAPI and Endpoint are listeners inside the box's own network: the
	// Lambda Runtime API, and ebb's APIs for the function's own use.
	RuntimeAPI() net.Listener
	Endpoint() net.Listener
	// Dial connects to a TCP port that something in the box listens on, on
	// 127.0.0.1, on ::1 or on all addresses. Where nothing does, the error wraps
	// syscall.ECONNREFUSED. The connection may outlive the box by no more than
	// what was already sent.
	Dial(ctx context.Context, port int) (net.Conn, error)
	// Listening is where the box's own processes listen for TCP connections, as far as
	// that is known: for messages.
	Listening() []netip.AddrPort
	// Port translates a port of the box into the one that the process must listen
	// on for Dial to find it. They are equal except where boxes share a network.
	Port(inside int) int
	// Path translates an absolute path inside the box into the path that the
	// process sees. They are equal except where there is no mount isolation.
	Path(inside string) string
	// Start runs the process. It is called once. An error means that the box is
	// broken. A program that cannot be executed is no error here: it closes Done
	// with Exit.Err set, because the box only learns it after Start.
	Start(ctx context.Context, p Process) error
	// Fork is Start with a copy of a zygote's process instead of a new one; it comes
	// to the same walls and limits, and has the framed socket. dir is its working
	// directory. An error that wraps ErrNotForked leaves the box as it was, for Start.
	Fork(ctx context.Context, z Zygote, dir string) error
	// Spawn runs a process beside the one of Start, which is yet to come: within the
	// same walls, counted in the same limits, killed by Destroy. p is neither Framed
	// nor AttachLater. As with Start, what cannot be executed is told by Exit.Err.
	Spawn(ctx context.Context, p Process) (*Companion, error)
	// Attach makes more of the host visible and sets the limits anew: what turns a
	// box that was made ahead into one version's. Targets are among Spec.Places.
	// It is called once, before Start, or after a Start with AttachLater; an error
	// means that the box is broken. TmpMB and ShmMB stay what they were.
	Attach(ctx context.Context, mounts []Mount, limits Limits) error
	// LimitCPU lets the box use no more CPU time than so many thousandths of a core,
	// whatever else is idle. 0 takes the limit away.
	LimitCPU(thousandths int) error
	// SetEgress says where the box's processes may connect to from now on; before
	// it, nowhere. Connections that a new policy does not allow have ended when it
	// returns. The first call comes before Start, or before Attach where that is to
	// come; say then gets a line for each connection that was refused or failed.
	// Where Level.Egress is false it does nothing, and everything is allowed.
	SetEgress(ctx context.Context, policy egress.Policy, say func(line string)) error
	// Conn is the framed socket, whose other end the process holds as file
	// descriptor 3. nil before Start and if Process.Framed was false. The box
	// closes it in Destroy.
	Conn() net.Conn
	// Output is the read end of the pipe that is the process's standard output
	// and standard error. It ends when every writer is gone. nil before Start.
	// The caller closes it, so that the last lines can be read after Destroy.
	Output() *os.File
	// Done is closed when the process has ended, or when the box is gone before
	// it ran one; Exit says how and is zero until then. Children of the process
	// may outlive it until Destroy.
	Done() <-chan struct{}
	Exit() Exit
	// Freeze stops the process and its children where they are, until Thaw: they
	// use no CPU. What is sent to them waits; their death is noticed all the same.
	// Doing either twice is no error. Freeze is for Level.Freezes, and for after
	// Start.
	Freeze() error
	Thaw() error
	// Usage reads what the box has used so far.
	Usage() Usage
	// MemoryPeak reads only Usage's MemoryPeak, which every invocation is told.
	MemoryPeak() int64
	// Stop asks the process to end (SIGTERM, see Ask), and kills all of the box
	// after grace. It returns when the process has ended. Destroy is still due.
	Stop(grace time.Duration)
	// Destroy kills everything in the box at once and removes it, listeners and
	// Conn included. It returns when no process of the box is left; the rest is
	// cleaned off the hot path. It may be called more than once.
	Destroy()
}

// Zygote is a process of ebb's own that others are copied from.
type Zygote interface {
	// Done is closed when it has ended, by whatever cause.
	Done() <-chan struct{}
	// Usage reads what it uses, without its copies.
	Usage() Usage
	// Destroy ends it; its copies live on. It may be called more than once.
	Destroy()
}

// ErrNotForked is a Box.Fork that came to nothing and did no harm.
var ErrNotForked = errors.New("no copy was made")

// Spec is what a box must be before anything runs in it.
type Spec struct {
	ID string // unique while the node lives; [a-z0-9-], at most 40 bytes
	// Root is the directory on the host whose tree is what the box sees as /, read
	// only: a container image's. The driver adds /proc, /dev, /tmp and what makes
	// /etc know the box's own name and user. "" = the host's programs and libraries.
	Root string
	// User is who the processes are in a box with a Root whose files have the
	// owners of the image: they see its numbers, and on the host a range of numbers
	// is the box's own. nil = a user of the box's own. Where Level.Users is false it
	// is as if it were nil.
	User *ebb.User
	// WritableRoot lets the box write to its Root as far as User may. What it writes
	// is on the disk of its /tmp, shares that one's size and goes with the box.
	WritableRoot bool
	Mounts       []Mount // in order; later ones may cover earlier ones
	Limits       Limits
	// Places are directories of the box that Attach may mount on later.
	Places []string
}

// Mount makes a file or directory of the host visible in the box.
type Mount struct {
	Source   string // absolute, on the host
	Target   string // absolute, in the box
	Writable bool   // read-only unless set
	// Folder is set for a folder of somebody else's. nil: a tree of ebb's own.
	Folder *Folder
}

// Folder is about a mount whose source is not ebb's own: it may be slow, gone, or
// full of links. Its source is no link and not reached through one, and what is
// mounted within it is not seen.
type Folder struct {
	NoExec   bool // no program in it is executed
	Owned    bool // the box acts on it as UID and GID, and as nobody else
	UID, GID int
}

// FolderError is why a box has no Folder. It is within the error of Create or Attach.
type FolderError struct {
	Source string // on the host, which is the operator's to know
	Target string
	Err    error
}

func (e *FolderError) Error() string { return e.Source + ": " + e.Err.Error() }
func (e *FolderError) Unwrap() error { return e.Err }

// Limits of a box. Zero means the default (see WithDefaults), never "no limit".
type Limits struct {
	MemoryMB   int // memory and swap together
	CPUWeight  int // relative, 1024 = one vCPU's worth; a share under contention, not a cap
	PIDs       int // processes and threads
	Files      int // open file descriptors per process
	FileSizeMB int // largest file a process may write
	TmpMB      int // size of the disk-backed /tmp
	ShmMB      int // size of /dev/shm
}

// Process is what runs in a box.
type Process struct {
	// Argv[0] is an absolute path as Box.Path gives it. In a box with Spec.Root it
	// may also be a name, looked for in the PATH of Env, or a path relative to Dir.
	Argv   []string
	Env    []string // complete; nothing is inherited
	Dir    string   // working directory as Box.Path gives it
	Framed bool     // pass the framed socket as file descriptor 3
	// AttachLater says that the process is generic and Attach follows. Until then
	// nothing of a user's may run. If Dir is one of Spec.Places, and Level.Follows,
	// the process is in what was mounted there when Attach returns.
	AttachLater bool
}

// Companion is a process that Box.Spawn started.
type Companion struct {
	// Output is the read end of the pipe that is its standard output and standard
	// error. The caller closes it.
	Output *os.File
	// Done is closed when it has ended, or the box is gone. Exit waits for that.
	Done <-chan struct{}
	Exit func() Exit
}

// Exit says how a process ended.
type Exit struct {
	Code   int    // exit status; -1 if ended by a signal
	Signal string // for example "killed"; "" if it exited
	OOM    bool   // the memory limit of the box was hit
	Err    error  // it could not be started at all (for example no such file)
}

// Usage of a box since it was made.
type Usage struct {
	MemoryPeak int64         // bytes
	Memory     int64         // bytes, now
	CPU        time.Duration // user and system
	PIDs       int
	Egress     egress.Usage
}

// Level is how strong an isolation is, for doctor, start-up and the console.
type Level struct {
	Name    string   // "linux", "rootless" or "process"
	Summary string   // one line for people
	Missing []string // what the host lacks, each with what follows from it
	Mounts  bool     // what Spec.Root and Spec.Mounts name is where they say, and nothing else is
	Follows bool     // see Process.AttachLater
	Freezes bool     // Box.Freeze works
	Forks   bool     // Driver.Zygote and Box.Fork work
	Egress  bool     // connections are restricted to what Box.SetEgress allows
	Users   bool     // Spec.User is obeyed
}
