package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/test/platform"
)

// startNode runs a node of c, and at the end of the test checks that it stops
// well and leaves nothing.
func startNode(t *testing.T, c platform.Cluster, number int) *platform.Platform {
	t.Helper()
	cfg, err := c.Node(number)
	if err != nil {
		t.Fatal(err)
	}
	p, err := platform.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-p.Done(): // the test ended it
			return
		default:
		}
		if err := errors.Join(p.Stop(), clean(p.Data)); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("end of the log of node %d:\n%s", number, p.Log())
		}
	})
	return p
}

// change has changers make changes through p until stop is closed or until each
// has one that nobody answered, and counts them.
func change(t *testing.T, p *platform.Platform, changers []*changer, stop <-chan struct{}, number *atomic.Int64) *sync.WaitGroup {
	var all sync.WaitGroup
	for _, c := range changers {
		all.Go(func() {
			for c.pending == nil {
				select {
				case <-stop:
					return
				default:
				}
				_ = c.step(t.Context(), p, int(number.Add(1)))
			}
		})
	}
	return &all
}

// TestKillNodeWhileBothChange: two nodes share a PostgreSQL, and one is killed
// at any moment: every change that either acknowledged is there, seen from the
// other, which goes on meanwhile.
func TestKillNodeWhileBothChange(t *testing.T) {
	const rounds, workers = 4, 3
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	cluster := platform.Cluster{Dir: filepath.Dir(place(t)), URL: postgrestest.Database(t)}
	var of [2][]*changer
	for node := range of {
		for i := range workers {
			name := fmt.Sprintf("n%d-f%d", node, i)
			of[node] = append(of[node], &changer{name: name, random: rand.New(rand.NewPCG(seed, uint64(10*node+i+1)))})
		}
	}
	nodes := [2]*platform.Platform{startNode(t, cluster, 0), startNode(t, cluster, 1)}
	var number atomic.Int64
	for round := range rounds {
		victim := round % 2
		other := 1 - victim
		stop := make(chan struct{})
		killed := change(t, nodes[victim], of[victim], nil, &number)
		goesOn := change(t, nodes[other], of[other], stop, &number)
		enough := number.Load() + int64(random.IntN(40))
		eventually(t, func() error {
			if number.Load() < enough {
				return errors.New("not enough changes yet")
			}
			return nil
		})
		kill(t, nodes[victim])
		killed.Wait()
		after := number.Load()
		eventually(t, func() error {
			if number.Load() < after+3 {
				return errors.New("the other does not go on")
			}
			return nil
		})
		close(stop)
		goesOn.Wait()
		for _, c := range append(of[victim], of[other]...) {
			if err := c.check(t.Context(), nodes[other]); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		nodes[victim] = startNode(t, cluster, victim)
	}
	t.Logf("%d changes", number.Load())
}

// TestPostgreSQLCrashes: the server is gone at any moment, as by a power
// failure. Callers get an answer that says so, functions that run go on, and
// when the server is back everything acknowledged is there, without help.
func TestPostgreSQLCrashes(t *testing.T) {
	const rounds, workers = 3, 3
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	server, url := postgrestest.Own(t)
	cluster := platform.Cluster{Dir: filepath.Dir(place(t)), URL: url}
	p := startNode(t, cluster, 0)
	create(t, p, python("known", "def handler(event, context):\n    return 'known'\n"))
	created := time.Now()
	eventually(t, func() error { // every node, this one too, drops what it knows of it within a second
		if time.Since(created) < 2*time.Second {
			return errors.New("just created")
		}
		return nil
	})
	invoke(t, p, "known", "{}")
	var changers []*changer
	for i := range workers {
		changers = append(changers, &changer{name: fmt.Sprint("f", i), random: rand.New(rand.NewPCG(seed, uint64(i+1)))})
	}
	var number atomic.Int64
	for round := range rounds {
		all := change(t, p, changers, nil, &number)
		enough := number.Load() + int64(random.IntN(30))
		eventually(t, func() error {
			if number.Load() < enough {
				return errors.New("not enough changes yet")
			}
			return nil
		})
		if err := server.Crash(); err != nil {
			t.Fatal(err)
		}
		all.Wait() // every caller got an answer
		if got := invoke(t, p, "known", "{}"); got != `"known"` {
			t.Errorf("while the database is away: %s", got)
		}
		if code := statusOf(t, p); code != http.StatusServiceUnavailable {
			t.Errorf("a read while the database is away: status %d", code)
		}
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range changers {
			if err := c.check(t.Context(), p); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
	}
	t.Logf("%d changes", number.Load())
}

// statusOf asks for something that only the database knows, once.
func statusOf(t *testing.T, p *platform.Platform) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.API+"/2015-03-31/functions/f0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Client.Config().Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	return res.StatusCode
}
