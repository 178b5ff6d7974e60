package outbound

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is needed: make deps")
	}
	return path
}

func TestPython(t *testing.T) {
	out, err := exec.Command(python(t), "-B", "-m", "unittest", "discover", "-s", "tests").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("OK")) {
		t.Fatalf("no tests ran:\n%s", out)
	}
}

// worker runs the functions as they are, without a platform around them: one
// process that answers one JSON line per JSON line.
type worker struct {
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
}

const workerCode = `
import json, sys
sys.path.insert(0, "function")
import preprocess, merge
answer, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    function, event = json.loads(line)
    handler = {"outbound-preprocess": preprocess, "outbound-merge": merge}[function].handler
    answer.write(json.dumps(handler(event, None)) + "\n")
    answer.flush()
`

func newWorker(t *testing.T) *worker {
	t.Helper()
	cmd := exec.Command(python(t), "-B", "-c", workerCode)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &worker{in: in, out: bufio.NewReader(out)}
}

func (w *worker) invoke(_ context.Context, function string, payload []byte) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := fmt.Fprintf(w.in, "[%q,%s]\n", function, payload); err != nil {
		return nil, err
	}
	return w.out.ReadBytes('\n')
}

func generated(t *testing.T, rows int) (list []byte, m *Manifest) {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command(python(t), "-B", "generate.py", "--out", dir, "--rows", fmt.Sprint(rows), "--seed", "11").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if list, err = os.ReadFile(filepath.Join(dir, "calls.csv")); err != nil {
		t.Fatal(err)
	}
	if m, err = ReadManifest(filepath.Join(dir, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	return list, m
}

func TestRunFindsWhatWasSeeded(t *testing.T) {
	list, m := generated(t, 5000)
	w := newWorker(t)
	report, err := Run(t.Context(), w.invoke, Plan{ChunkLines: 333, Shards: 5, Concurrency: 4}, bytes.NewReader(list), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Check(report); err != nil {
		t.Fatal(err)
	}
	if want := (5000+332)/333 + 5; report.Invocations != want {
		t.Errorf("%d invocations, want %d", report.Invocations, want)
	}
	rejects, err := os.ReadFile(report.RejectFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(rejects, []byte{'\n'}); got != len(report.Rejects)+1 {
		t.Errorf("rejects.csv has %d lines for %d rejects", got, len(report.Rejects))
	}
}

// A check that finds nothing wrong with a wrong result is worth nothing.
func TestCheckNotices(t *testing.T) {
	list, m := generated(t, 2000)
	w := newWorker(t)
	dir := t.TempDir()
	report, err := Run(t.Context(), w.invoke, Plan{ChunkLines: 500, Shards: 3, Concurrency: 2}, bytes.NewReader(list), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Check(report); err != nil {
		t.Fatal(err)
	}
	notices := func(what string, change func(r *Report)) {
		t.Helper()
		changed := *report
		changed.Rejects = append([]Reject(nil), report.Rejects...)
		changed.Repaired = append([]int(nil), report.Repaired...)
		changed.Files = append([]string(nil), report.Files...)
		change(&changed)
		if m.Check(&changed) == nil {
			t.Errorf("%s went unnoticed", what)
		}
	}
	notices("a missing reject", func(r *Report) { r.Rejects = r.Rejects[1:] })
	notices("a reject on another line", func(r *Report) { r.Rejects[3].Line++ })
	notices("another reason", func(r *Report) { r.Rejects[3].Reason = "WHIM" })
	notices("a missing repair", func(r *Report) { r.Repaired = r.Repaired[1:] })
	notices("a lost row", func(r *Report) { r.Accepted-- })
	notices("swapped shards", func(r *Report) { r.Files[0], r.Files[1] = r.Files[1], r.Files[0] })
	notices("a changed value", func(r *Report) {
		raw, err := os.ReadFile(r.Files[0])
		if err != nil {
			t.Fatal(err)
		}
		r.Files[0] = filepath.Join(t.TempDir(), "calls.csv")
		if err := os.WriteFile(r.Files[0], bytes.Replace(raw, []byte("zh-CN"), []byte("en-US"), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSplit(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	list := "\ufeffrecord_id,…\r\na\nb\r\n\n" + long + "\ne\xff\nlast"
	for size, want := range map[int][]string{
		1:  {"2:a\n", "3:b\r\n", "4:\n", "5:" + long + "\n", "6:e\xff\n", "7:last"},
		4:  {"2:a\nb\r\n\n" + long + "\n", "6:e\xff\nlast"},
		6:  {"2:a\nb\r\n\n" + long + "\ne\xff\nlast"},
		10: {"2:a\nb\r\n\n" + long + "\ne\xff\nlast"},
	} {
		var got []string
		err := split(strings.NewReader(list), size, func(c chunk) error {
			if c.index != len(got) {
				t.Errorf("chunk %d came as number %d", c.index, len(got))
			}
			got = append(got, fmt.Sprintf("%d:%s", c.first, c.lines))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("size %d: %d chunks, want %d", size, len(got), len(want))
		}
	}
	if err := split(strings.NewReader("a,b\n1,2\n"), 10, func(chunk) error { return nil }); err == nil {
		t.Error("a file without the header was taken for a call list")
	}
}

func TestRunReportsAFailedFunction(t *testing.T) {
	list, _ := generated(t, 50)
	boom := errors.New("boom")
	fail := func(context.Context, string, []byte) ([]byte, error) { return nil, boom }
	if _, err := Run(t.Context(), fail, DefaultPlan(), bytes.NewReader(list), t.TempDir()); !errors.Is(err, boom) {
		t.Errorf("got %v, want the function's failure", err)
	}
	lies := func(context.Context, string, []byte) ([]byte, error) {
		return json.Marshal(preprocessed{Lines: 1, Accepted: 1})
	}
	if _, err := Run(t.Context(), lies, DefaultPlan(), bytes.NewReader(list), t.TempDir()); err == nil {
		t.Error("lost lines went unnoticed")
	}
}
