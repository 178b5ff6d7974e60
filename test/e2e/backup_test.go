package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestBackupWhileWorking: an archive made under load brings back every function
// that there was before it, whole, with its log and its URL.
func TestBackupWhileWorking(t *testing.T) {
	t.Parallel()
	p := start(t, place(t))
	f := python("def handler(event, context):\n    print('said', event)\n    return 'answer'\n")
	f.Name = "before"
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	u, err := p.URL(t.Context(), f.Name)
	if err != nil {
		t.Fatal(err)
	}
	invoke(t, p, f.Name, `"one"`)
	stop := make(chan struct{})
	var load sync.WaitGroup
	var made, asked atomic.Int64
	load.Go(func() { // functions come and go meanwhile
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			g := python(fmt.Sprintf("def handler(event, context):\n    return %d\n", n))
			g.Name = fmt.Sprintf("during-%d", n)
			if err := p.Create(t.Context(), g); err != nil {
				t.Error(err)
				return
			}
			made.Add(1)
		}
	})
	for range 2 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if answer, failed, err := p.Invoke(t.Context(), f.Name, `"more"`); err != nil || failed != "" || answer != `"answer"` {
					t.Error(answer, failed, err)
					return
				}
				asked.Add(1)
			}
		})
	}
	archives := t.TempDir()
	for i := range 3 {
		eventually(t, func() error {
			if made.Load() < int64(i+1)*2 || asked.Load() < int64(i+1)*10 {
				return fmt.Errorf("%d functions, %d invocations", made.Load(), asked.Load())
			}
			return nil
		})
		out, errs, code, err := p.CLI(t.Context(), "backup", "--out", filepath.Join(archives, fmt.Sprint(i)))
		if err != nil || code != 0 {
			t.Errorf("backup %d: exit %d, %v: %s%s", i, code, err, out, errs)
		}
	}
	close(stop)
	load.Wait()

	restored := place(t)
	out, errs, code, err := p.CLI(t.Context(), "restore", filepath.Join(archives, "2"), "--data", restored)
	if err != nil || code != 0 {
		t.Fatalf("restore: exit %d, %v: %s%s", code, err, out, errs)
	}
	q := start(t, restored)
	if got := texts(read(t, q, f.Name)); !slices.Contains(got, "said one") {
		t.Errorf("the log came back as %q", got)
	}
	if q.Client.Config().SecretAccessKey != p.Client.Config().SecretAccessKey {
		t.Error("other keys")
	}
	invoke(t, q, f.Name, `"two"`)
	res, body := do(t, request(t, "GET", strings.Replace(u, p.Gateway, q.Gateway, 1), ""))
	if res.StatusCode != 200 || body != `"answer"` {
		t.Errorf("the URL: %s %s", res.Status, body)
	}
	if got := invoke(t, q, "during-1", "{}"); got != "1" {
		t.Errorf("a function made meanwhile: %s", got)
	}
	// Restoring over it is refused.
	if _, _, code, err := p.CLI(t.Context(), "restore", filepath.Join(archives, "2"), "--data", restored); err != nil || code != 2 {
		t.Errorf("restored over a running one: exit %d, %v", code, err)
	}
	// Half an archive is no archive.
	whole, err := os.ReadFile(filepath.Join(archives, "2"))
	if err != nil {
		t.Fatal(err)
	}
	half, gone := within(t, "half", string(whole[:len(whole)/2])), filepath.Join(t.TempDir(), "gone")
	if _, _, code, err := p.CLI(t.Context(), "restore", half, "--data", gone); err != nil || code == 0 {
		t.Errorf("half an archive: exit %d, %v", code, err)
	}
	if _, err := os.Stat(gone); err == nil {
		t.Error("half an archive left a data directory")
	}
}
