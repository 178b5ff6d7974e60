package initproto

// Kind is the first byte of a message.
type Kind byte

// The kinds, in the order of a box's life. Behind the name: who sends it and
// which descriptors come with it.
const (
	KindSetup  Kind = 1  // ebb; with Setup.TmpFD and Setup.ImageFD one each
	KindReady  Kind = 2  // ebb-init; the listeners of RuntimePort and EndpointPort
	KindStart  Kind = 3  // ebb; the output pipe, and with Start.Framed the framed socket
	KindSignal Kind = 4  // ebb
	KindExit   Kind = 5  // ebb-init
	KindFailed Kind = 6  // ebb-init
	KindAttach Kind = 7  // ebb; a detached mount for each of Attach.Targets
	KindFolder Kind = 8  // ebb, to a second kind of ebb-init; the answer has one mount
	KindDial   Kind = 9  // ebb
	KindDialed Kind = 10 // ebb-init, to what has an ID; unless it failed, what was asked for
	KindRelay  Kind = 11 // ebb; the answer has three sockets: TCP, UDP, questions for names
	KindFlow   Kind = 12 // ebb; the answer has one socket
	KindCradle Kind = 13 // ebb; the answer has the box's namespaces, as Cradle says
	KindAdopt  Kind = 14 // ebb; the answer has none
)

// Ports of the two listeners on the box's 127.0.0.1.
const (
	RuntimePort  = 9001
	EndpointPort = 9002
)

// MaxMessage is the size of the largest packet in bytes. A socket pair's default
// buffer carries more than that.
const MaxMessage = 128 << 10

// RangeSize is how many users and groups a box with a Range has, from 0.
const RangeSize = 1 << 16

// Setup is what the box must become before anything runs in it.
type Setup struct {
	Root     string   // an empty host directory to build the box's root on
	Image    string   // a host directory that is what the root has at first, or ""
	Hostname string   //
	Links    []Link   // symbolic links, made first
	Files    []File   // small files in the root, made next
	Mounts   []Mount  // binds, in order
	Places   []string // directories that Attach may mount on
	TmpFD    bool     // /tmp is the detached mount that comes with the message
	ImageFD  bool     // Image's tree comes with the message as a detached mount, the last
	Disk     bool     // the mount of TmpFD holds what is written to the root too
	Range    uint32   // first of the user ids that the box's own users have on the host; 0 = none
	NoProc   bool     // without /proc: what begins here is in ebb's own PID namespace
	ShmBytes uint64   // size of /dev/shm
	// Uncounted says that only memory that processes map is counted.
	Uncounted bool
}

// Link is a symbolic link in the box.
type Link struct{ Path, Target string }

// File is a small file in the box, mode 0644.
type File struct{ Path, Content string }

// Mount binds a host path into the box.
type Mount struct {
	Source   string
	Target   string
	Writable bool
}

// Start is a process: the runtime, or with a Number one that runs beside it and
// is started before.
type Start struct {
	Number uint64
	Argv   []string
	Env    []string
	Dir    string
	UID    uint32 // with Range: as the process sees it
	GID    uint32
	Groups []uint32 // supplementary ones
	// Range is as in Setup; with it the process comes into a user namespace of its own.
	Range  uint32
	Framed bool
	// AttachLater keeps the privileges that Attach takes until it has come.
	AttachLater bool
	Rlimits     []Rlimit
	// Landlock is the version of it to restrict the process with, 0 = none. It may
	// then write beneath Writable only, whatever the mounts allow.
	Landlock  uint32
	Writable  []string
	Uncounted bool // as in Setup
}

// Attach puts mounts on places of a box that is there already, or with Early of
// one that has no process yet and gets more of them.
type Attach struct {
	ID      uint64
	Early   bool
	Targets []string
}

// Folder asks an ebb-init outside of every box for a detached mount of a folder
// that may not answer.
type Folder struct {
	ID     uint64
	Source string
}

// Cradle asks for what a process that was forked elsewhere needs to come into the
// box: its PID, mount, network, IPC and UTS namespaces, in that order, and with
// Landlock a ruleset as Start has it.
type Cradle struct {
	ID       uint64
	Landlock uint32
	Writable []string
}

// Adopt says that such a process has come and is the box's runtime. It is a child
// of ebb-init.
type Adopt struct {
	ID  uint64
	PID uint32 // in the box
}

// Rlimit sets one resource limit, soft and hard alike.
type Rlimit struct {
	Resource uint32
	Value    uint64
}

// Exit is the wait status of the process with that Number, as wait4 gives it.
type Exit struct {
	Number     uint64
	WaitStatus uint32
	// What it used, with those it waited for: bytes of the largest, and microseconds.
	MaxRSS, CPU uint64
}

// Signal is a signal number for the runtime process.
type Signal struct{ Number uint32 }

// Failed says what did not work: before Ready the whole box, after Start only
// the start of the process with that Number.
type Failed struct {
	Number uint64
	Stage  string // for people: "mount", "execute"
	Path   string // what it was about, "" if nothing in particular
	Errno  uint32
}

// KindOf returns the kind of a message, 0 if it is empty.
func KindOf(message []byte) Kind {
	if len(message) == 0 {
		return 0
	}
	return Kind(message[0])
}

// Encode returns the message.
func (s *Setup) Encode() []byte {
	w := writer{byte(KindSetup)}
	w.text(s.Root)
	w.text(s.Image)
	w.text(s.Hostname)
	w.number(uint64(len(s.Links)))
	for _, l := range s.Links {
		w.text(l.Path)
		w.text(l.Target)
	}
	w.number(uint64(len(s.Files)))
	for _, f := range s.Files {
		w.text(f.Path)
		w.text(f.Content)
	}
	w.number(uint64(len(s.Mounts)))
	for _, m := range s.Mounts {
		w.text(m.Source)
		w.text(m.Target)
		w.flag(m.Writable)
	}
	w.texts(s.Places)
	w.flag(s.TmpFD)
	w.flag(s.ImageFD)
	w.flag(s.Disk)
	w.number(uint64(s.Range))
	w.flag(s.NoProc)
	w.number(s.ShmBytes)
	w.flag(s.Uncounted)
	return w
}

// Decode fills s and reports whether the message is a whole Setup.
func (s *Setup) Decode(message []byte) bool {
	r := read(message, KindSetup)
	s.Root, s.Image, s.Hostname = r.text(), r.text(), r.text()
	for range r.count() {
		s.Links = append(s.Links, Link{r.text(), r.text()})
	}
	for range r.count() {
		s.Files = append(s.Files, File{r.text(), r.text()})
	}
	for range r.count() {
		s.Mounts = append(s.Mounts, Mount{r.text(), r.text(), r.flag()})
	}
	s.Places = r.texts()
	s.TmpFD, s.ImageFD, s.Disk, s.Range = r.flag(), r.flag(), r.flag(), uint32(r.number())
	s.NoProc, s.ShmBytes, s.Uncounted = r.flag(), r.number(), r.flag()
	return r.whole()
}

// Encode returns the message.
func (s *Start) Encode() []byte {
	w := writer{byte(KindStart)}
	w.number(s.Number)
	w.texts(s.Argv)
	w.texts(s.Env)
	w.text(s.Dir)
	w.number(uint64(s.UID))
	w.number(uint64(s.GID))
	w.number(uint64(len(s.Groups)))
	for _, g := range s.Groups {
		w.number(uint64(g))
	}
	w.number(uint64(s.Range))
	w.flag(s.Framed)
	w.flag(s.AttachLater)
	w.number(uint64(len(s.Rlimits)))
	for _, l := range s.Rlimits {
		w.number(uint64(l.Resource))
		w.number(l.Value)
	}
	w.number(uint64(s.Landlock))
	w.texts(s.Writable)
	w.flag(s.Uncounted)
	return w
}

// Decode fills s and reports whether the message is a whole Start.
func (s *Start) Decode(message []byte) bool {
	r := read(message, KindStart)
	s.Number = r.number()
	s.Argv, s.Env, s.Dir = r.texts(), r.texts(), r.text()
	s.UID, s.GID = uint32(r.number()), uint32(r.number())
	for range r.count() {
		s.Groups = append(s.Groups, uint32(r.number()))
	}
	s.Range, s.Framed, s.AttachLater = uint32(r.number()), r.flag(), r.flag()
	for range r.count() {
		s.Rlimits = append(s.Rlimits, Rlimit{uint32(r.number()), r.number()})
	}
	s.Landlock, s.Writable, s.Uncounted = uint32(r.number()), r.texts(), r.flag()
	return r.whole()
}

// Encode returns the message.
func (e *Exit) Encode() []byte {
	w := writer{byte(KindExit)}
	w.number(e.Number)
	w.number(uint64(e.WaitStatus))
	w.number(e.MaxRSS)
	w.number(e.CPU)
	return w
}

// Decode fills e and reports whether the message is a whole Exit.
func (e *Exit) Decode(message []byte) bool {
	r := read(message, KindExit)
	e.Number, e.WaitStatus, e.MaxRSS, e.CPU = r.number(), uint32(r.number()), r.number(), r.number()
	return r.whole()
}

// Encode returns the message.
func (s *Signal) Encode() []byte {
	w := writer{byte(KindSignal)}
	w.number(uint64(s.Number))
	return w
}

// Decode fills s and reports whether the message is a whole Signal.
func (s *Signal) Decode(message []byte) bool {
	r := read(message, KindSignal)
	s.Number = uint32(r.number())
	return r.whole()
}

// Encode returns the message.
func (f *Failed) Encode() []byte {
	w := writer{byte(KindFailed)}
	w.number(f.Number)
	w.text(f.Stage)
	w.text(f.Path)
	w.number(uint64(f.Errno))
	return w
}

// Decode fills f and reports whether the message is a whole Failed.
func (f *Failed) Decode(message []byte) bool {
	r := read(message, KindFailed)
	f.Number, f.Stage, f.Path, f.Errno = r.number(), r.text(), r.text(), uint32(r.number())
	return r.whole()
}

// Encode returns the message.
func (a *Attach) Encode() []byte {
	w := writer{byte(KindAttach)}
	w.number(a.ID)
	w.flag(a.Early)
	w.texts(a.Targets)
	return w
}

// Decode fills a and reports whether the message is a whole Attach.
func (a *Attach) Decode(message []byte) bool {
	r := read(message, KindAttach)
	a.ID, a.Early, a.Targets = r.number(), r.flag(), r.texts()
	return r.whole()
}

// Encode returns the message.
func (f *Folder) Encode() []byte {
	w := writer{byte(KindFolder)}
	w.number(f.ID)
	w.text(f.Source)
	return w
}

// Decode fills f and reports whether the message is a whole Folder.
func (f *Folder) Decode(message []byte) bool {
	r := read(message, KindFolder)
	f.ID, f.Source = r.number(), r.text()
	return r.whole()
}
