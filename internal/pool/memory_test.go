package pool

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryOfTheNode(t *testing.T) {
	const meminfo = "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    800 kB\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  Memory
		known bool
	}{
		{"no /proc", nil, Memory{}, false},
		{"no groups", map[string]string{"proc/meminfo": meminfo}, Memory{1000 << 10, 800 << 10}, true},
		{"a limit above our v2 group", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/ebb.service/ebb-self\n",
			"sys/fs/cgroup/ebb.service/ebb-self/memory.max": "max\n",
			"sys/fs/cgroup/ebb.service/memory.max":          "512000\n",
			"sys/fs/cgroup/ebb.service/memory.current":      "300000\n",
			"sys/fs/cgroup/ebb.service/memory.stat":         "anon 1\ninactive_file 88000\n",
		}, Memory{512000, 300000}, true},
		{"v1, without a limit and with one", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/a\n0::/\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   "400000\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes":   "500000\n",
			"sys/fs/cgroup/memory/memory.stat":             "total_inactive_file 1000\n",
		}, Memory{400000, 0}, true},
	} {
		root := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, known := readMemory(root); got != c.want || known != c.known {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, known, c.want)
		}
	}
}
