package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	role     = "ebb"
	password = "test-only"
	// oldest is the first major version that ebb supports.
	oldest = 15
	// limit is how long the server may take to start or stop on a busy machine.
	limit = 60 * time.Second
)

// errMissing: this host has no PostgreSQL.
var errMissing = errors.New("no PostgreSQL 15 or later on PATH or below /usr/lib/postgresql: run make test-deps")

// Server is a PostgreSQL.
type Server struct {
	bin  string
	dir  string
	port int
	cred *syscall.Credential // nil: as the caller
	pid  int
	done chan struct{}
}

// binaries is the folder of the newest usable PostgreSQL.
func binaries(ctx context.Context) (string, error) {
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	best, newest := "", oldest-1
	for _, folder := range folders {
		out, err := exec.CommandContext(ctx, filepath.Join(folder, "postgres"), "--version").Output()
		if err != nil {
			continue // the package of the clients only
		}
		fields := strings.Fields(string(out)) // postgres (PostgreSQL) 15.9 (Debian …)
		if len(fields) < 3 {
			continue
		}
		major, _, _ := strings.Cut(fields[2], ".")
		if n, err := strconv.Atoi(major); err == nil && n > newest {
			best, newest = folder, n
		}
	}
	if best == "" {
		return "", errMissing
	}
	return best, nil
}

// credential is who runs the server: it refuses to run as root.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uerr, gerr); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// start makes a cluster and starts it.
func start(ctx context.Context) (s *Server, err error) {
	bin, err := binaries(ctx)
	if err != nil {
		return nil, err
	}
	s = &Server{bin: bin, done: make(chan struct{})}
	if s.cred, err = credential(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "ebb-pg-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return nil, err
	}
	if s.cred != nil {
		for _, name := range []string{s.dir, secret} {
			if err := os.Chown(name, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
				return nil, err
			}
		}
	}
	init := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata", s.data(), "--username", role,
		"--pwfile", secret, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8",
		"--locale-provider", "icu", "--icu-locale", "en-US", "--no-sync")
	init.Dir = s.dir
	init.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	for range 5 { // somebody may take the port first
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		if err = s.run(ctx); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// log is what the server said.
func (s *Server) log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// run starts the server on its port and waits until it answers.
func (s *Server) run(ctx context.Context) error {
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-k", s.dir, "-h", "127.0.0.1",
		"-p", strconv.Itoa(s.port), "-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "fsync=on")
	cmd.Dir = s.dir
	log, err := os.Create(s.logFile())
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	began := make(chan error)
	done := make(chan struct{})
	go func() {
		// The kernel ends the child with the thread that made it.
		runtime.LockOSThread()
		defer close(done)
		err := cmd.Start()
		began <- err
		if err == nil {
			_ = cmd.Wait() // what it says is in the log
		}
	}()
	if err := <-began; err != nil {
		return err
	}
	s.pid, s.done = cmd.Process.Pid, done
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := s.exec(ctx, postgres, "SELECT 1"); err == nil {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("postgres ended:\n%s", s.log())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), s.stop())
		case <-tick.C:
		}
	}
}

func (s *Server) url(database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", role, password, s.port, database)
}

// postgres is the database that every server has.
const postgres = "postgres"

// exec runs a statement.
func (s *Server) exec(ctx context.Context, database, statement string) error {
	conn, err := pgx.Connect(ctx, s.url(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// Crash ends the server as a power failure would: nothing is written any more.
func (s *Server) Crash() error {
	// SIGQUIT has its processes leave at once; each on its own by SIGKILL would
	// leave shared memory behind.
	err := syscall.Kill(s.pid, syscall.SIGQUIT)
	<-s.done
	return err
}

// Start starts the server again after a Crash.
func (s *Server) Start(ctx context.Context) error { return s.run(ctx) }

// stop ends the server and removes its folder.
func (s *Server) stop() error {
	var err error
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		select {
		case <-s.done:
		default:
			err = syscall.Kill(s.pid, signal)
		}
		timer := time.NewTimer(limit / 4)
		select {
		case <-s.done:
			timer.Stop()
			return os.RemoveAll(s.dir)
		case <-timer.C:
		}
	}
	return errors.Join(err, fmt.Errorf("postgres %d does not end", s.pid))
}
