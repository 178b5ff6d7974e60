package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ebb-faas/ebb/test/platform"
)

// usedMemory waits for so many REPORT lines and returns the memory in each, in MB.
func usedMemory(t *testing.T, function string, reports int) (used []int) {
	t.Helper()
	eventually(t, func() error {
		used = nil
		for _, text := range texts(read(t, shared, function)) {
			if m := regexp.MustCompile(`Max Memory Used: ([0-9]+) MB`).FindStringSubmatch(text); m != nil {
				n, err := strconv.Atoi(m[1])
				if err != nil {
					return err
				}
				used = append(used, n)
			}
		}
		if len(used) < reports {
			return fmt.Errorf("%d reports", len(used))
		}
		return nil
	})
	return used
}

// TestMemoryOfEveryKind: whatever a function is made of, who takes more memory than
// it has is told that it was that, and REPORT says how much was used, then and when
// all went well. (TestMemoryFlood does the same for Python.)
func TestMemoryOfEveryKind(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	const memory, some, tooMuch = 192, 60, 800
	text := compiled(t, observer)
	js := node("exports.handler = async (e) => Buffer.alloc(e.Take << 20, 1).length >> 20;")
	custom := platform.Function{Runtime: "provided.al2023", Handler: "x", Files: map[string]string{"bootstrap": text}}
	made := map[string]func(t *testing.T) string{
		"nodejs":   func(t *testing.T) string { js.MemoryMB, js.TimeoutS = memory, 20; return deploy(t, js) },
		"provided": func(t *testing.T) string { custom.MemoryMB, custom.TimeoutS = memory, 20; return deploy(t, custom) },
		"image": func(t *testing.T) string {
			return deployImage(t, saved(t, buildImage(t, v1.Config{Entrypoint: []string{"/bootstrap"}}, program(t, "bootstrap"))), nil, nil)
		},
	}
	for what, kind := range made {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := kind(t)
			invoke(t, shared, f, fmt.Sprintf(`{"Take":%d}`, some))
			answer, failed, err := shared.Invoke(t.Context(), f, fmt.Sprintf(`{"Take":%d}`, tooMuch))
			if err != nil || failed != "Unhandled" || !strings.Contains(answer, `"Runtime.OutOfMemory"`) {
				t.Errorf("%s %s %v", answer, failed, err)
			}
			invoke(t, shared, f, `{"Take":1}`) // and the next one is fine
			limit := memory
			if what == "image" {
				limit = 128
			}
			used := usedMemory(t, f, 3)
			if used[0] < some || used[0] >= limit || used[1] < limit-6 || used[1] > limit || used[2] >= used[1] {
				t.Errorf("memory used: %v of %d", used, limit)
			}
		})
	}
	t.Run("web", func(t *testing.T) {
		t.Parallel()
		f := web(1)
		f.MemoryMB = memory
		name := deploy(t, f)
		u := open(t, name)
		if res, body := get(t, u+fmt.Sprintf("take?%d", some)); res.StatusCode != 200 || body != strconv.Itoa(some) {
			t.Errorf("%s %s", res.Status, body)
		}
		if res, body := get(t, u+fmt.Sprintf("take?%d", tooMuch)); res.StatusCode < 500 {
			t.Errorf("%s %s", res.Status, body)
		}
		logged(t, name, "Runtime.OutOfMemory")
		if used := usedMemory(t, name, 2); used[0] < some || used[0] >= memory || used[1] < memory-6 || used[1] > memory {
			t.Errorf("memory used: %v of %d", used, memory)
		}
	})
}

// TestMemoryOfInitialisation: REPORT tells how much memory was used where a function
// did not get beyond its initialisation, too.
func TestMemoryOfInitialisation(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	for name, c := range map[string]struct {
		source     string
		least      int
		wantedType string
	}{
		"fails":         {"held = bytearray(60 << 20)\nraise ValueError('no')\n", 60, "ValueError"},
		"exits":         {"held = bytearray(60 << 20)\nimport os\nos._exit(3)\n", 60, "Runtime.ExitError"},
		"out of memory": {"held = bytearray(800 << 20)\n", 120, "Runtime.OutOfMemory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := deploy(t, python(c.source+"def handler(event, context): return 1\n"))
			answer, failed, err := shared.Invoke(t.Context(), f, `{}`)
			if err != nil || failed != "Unhandled" || !strings.Contains(answer, c.wantedType) {
				t.Errorf("%s %s %v", answer, failed, err)
			}
			if used := usedMemory(t, f, 1); used[0] < c.least || used[0] > 128 {
				t.Errorf("memory used: %v, want %d at least", used, c.least)
			}
		})
	}
}

const javaTaker = `import java.nio.ByteBuffer;
import java.util.*;
public class Taker {
    public int handle(Map<String, Integer> event) {
        List<Object> held = new ArrayList<>();
        for (int i = 0; i < event.getOrDefault("Take", 0); i++) {
            byte[] one = new byte[1 << 20];
            Arrays.fill(one, (byte) 1);
            held.add(one);
        }
        for (int i = 0; i < event.getOrDefault("Native", 0); i++) {
            ByteBuffer one = ByteBuffer.allocateDirect(1 << 20);
            for (int at = 0; at < one.capacity(); at += 512) one.put(at, (byte) 1);
            held.add(one);
        }
        return held.size();
    }
}
`

// TestJavaMemory: of Java, the JVM itself says that its heap is full; what it takes
// beside the heap until the box is full is told as what it is, with the peak. Either
// way the next invocation is served.
func TestJavaMemory(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	class := javaClass(t, "Taker", javaTaker)
	const memory = 256 // of which 192 are heap
	f := platform.Function{Runtime: "java", Handler: "Taker::handle", MemoryMB: memory, TimeoutS: 60,
		Files: map[string]string{"Taker.class": class}}
	f.Name = deploy(t, f)
	if got := invoke(t, shared, f.Name, `{"Take":40}`); got != "40" {
		t.Errorf("took %s", got)
	}
	for event, want := range map[string]string{`{"Take":300}`: `"java.lang.OutOfMemoryError"`, `{"Take":60,"Native":180}`: `"Runtime.OutOfMemory"`} {
		answer, failed, err := shared.Invoke(t.Context(), f.Name, event)
		if err != nil || failed != "Unhandled" || !strings.Contains(answer, want) {
			t.Errorf("%s: %s %s %v", event, answer, failed, err)
		}
		if got := invoke(t, shared, f.Name, `{"Take":1}`); got != "1" {
			t.Errorf("the next one took %s", got)
		}
	}
	used := usedMemory(t, f.Name, 5)
	if used[0] < 40 || slices.Max(used) > memory || slices.Max(used) < memory-6 {
		t.Errorf("memory used: %v of %d", used, memory)
	}
}
