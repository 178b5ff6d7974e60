package child

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"

	"github.com/ebb-faas/ebb/internal/s3"
)

// Bounds of what runs at once.
const (
	maxConnections = 16_384
	maxRequests    = 4_096
	maxFileActions = 256 // each may take a thread
	maxParts       = 10_000
)

// Run serves as boot, the first line of in, says, until in ends. out gets lines
// for the platform's log.
func Run(in io.Reader, out io.Writer) error {
	log.SetFlags(0)
	log.SetOutput(out)
	r := bufio.NewReader(in)
	var boot s3.Boot
	line, err := r.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &boot)
	}
	if err != nil {
		return fmt.Errorf("this verb is for ebb serve: %w", err)
	}
	file := os.NewFile(3, "listener")
	public, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("this verb is for ebb serve: %w", err)
	}
	_ = file.Close() // FileListener has its own
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		_, _ = io.Copy(io.Discard, r)
	}()
	g, err := open(&boot)
	if err != nil {
		return err
	}
	return g.serve(public, stop, out)
}

// gateway is the two servers over one folder: one for everybody, and one for the
// platform and what it passes on.
type gateway struct {
	boot    *s3.Boot
	buckets *buckets
	private *s3api.S3ApiServer
	public  *s3api.S3ApiServer
	app     chan *fiber.App // of public, when it has been asked for
	left    []*intent
	old     []string
}

func open(boot *s3.Boot) (*gateway, error) {
	utils.SetBucketNameValidationStrict(true)
	root := filepath.Join(boot.Dir, "buckets")
	versions := filepath.Join(boot.Dir, "versions")
	for _, dir := range []string{root, versions} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	opts := posix.PosixOpts{VersioningDir: versions, ForceNoObjLockFile: true, Concurrency: maxFileActions, CopyObjectThreshold: 5 << 30, IOBufferSize: 256 << 10}
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	attributes, err := attributesIn(boot.Dir, root, &opts)
	if err != nil {
		return nil, err
	}
	files, err := posix.New(root, attributes, opts)
	if err != nil {
		return nil, err
	}
	g := &gateway{boot: boot, app: make(chan *fiber.App, 1)}
	p := newParent(boot.Control)
	g.buckets = &buckets{Backend: files, dir: root, noSync: boot.NoSync, parent: p, unsent: make(chan *intent)}
	if g.buckets.journal, g.left, g.old, err = openJournal(filepath.Join(boot.Dir, s3.JournalDir)); err != nil {
		return nil, err
	}
	if g.private, err = g.server(true); err != nil {
		return nil, err
	}
	g.public, err = g.server(false)
	return g, err
}

// attributesIn is where attributes of objects are kept: with the files, or in
// files beside them where the file system has no attributes.
func attributesIn(dir, root string, opts *posix.PosixOpts) (meta.MetadataStorer, error) {
	if err := (meta.XattrMeta{}).Test(root); err == nil {
		return meta.XattrMeta{}, nil
	}
	log.Print("the file system has no extended attributes: they are kept in files")
	side := filepath.Join(dir, "attributes")
	if err := os.MkdirAll(side, 0o700); err != nil {
		return nil, err
	}
	opts.SideCarDir = side
	return meta.NewSideCar(side)
}

// server makes one of the servers. Nobody knows the credentials of its root.
func (g *gateway) server(private bool) (*s3api.S3ApiServer, error) {
	root := middlewares.RootUserConfig{Access: "none" + rand.Text(), Secret: rand.Text()}
	who := newIAM(g.buckets.parent, g.buckets, private)
	mark := func(c fiber.Ctx) error {
		if private {
			c.Locals(keyPrivate, true)
		} else {
			select {
			case g.app <- c.App():
			default:
			}
		}
		return c.Next()
	}
	n := &notifications{gateway: g, who: who, root: root}
	return s3api.New(g.buckets, root, g.boot.Region, who, nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithDisableACL(), s3api.WithMpMaxParts(maxParts),
		s3api.WithConcurrencyLimiter(maxConnections, maxRequests), s3api.WithMiddleware("/", mark),
		s3api.WithRoute(http.MethodGet, "/:bucket", n.handle), s3api.WithRoute(http.MethodPut, "/:bucket", n.handle))
}

func (g *gateway) serve(public net.Listener, stop <-chan struct{}, out io.Writer) error {
	failed := make(chan error, 3)
	go func() { failed <- g.private.ServeMultiPort([]string{g.boot.Private}) }()
	go func() { failed <- g.public.ServeMultiPort([]string{g.boot.Public}) }()
	app, err := g.publicApp()
	if err == nil {
		err = g.buckets.recover(g.left, g.old)
	}
	if err != nil {
		return err
	}
	go func() { failed <- app.Listener(public, fiber.ListenConfig{DisableStartupMessage: true}) }()
	go g.buckets.resend(stop)
	if _, err := fmt.Fprintln(out, s3.Ready); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return fmt.Errorf("a listener ended: %w", err)
	case <-stop:
	}
	return errors.Join(g.public.ShutDown(), g.private.ShutDown(), g.buckets.close())
}

// publicApp has the public server started on its socket and asks it something, to
// come by what serves on the listener too: a server makes its own listeners only.
func (g *gateway) publicApp() (*fiber.App, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", g.boot.Public)
	}}}
	const limit = 10 * time.Second
	end := time.Now().Add(limit)
	for {
		resp, err := client.Get("http://s3/") //nolint:noctx // end bounds it
		if err == nil {
			_ = resp.Body.Close() // nobody reads it
			break
		}
		if time.Now().After(end) {
			return nil, err
		}
		time.Sleep(2 * time.Millisecond) // until it listens
	}
	return <-g.app, nil
}
