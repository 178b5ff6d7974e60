package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/ebb-faas/ebb/test/platform"
)

// idle reports what a platform without functions takes.
func (b *bench) idle(context.Context) error {
	rss, pss, err := platform.Memory(b.platform.PID())
	if err != nil {
		return err
	}
	bin, err := platform.Binary()
	if err != nil {
		return err
	}
	stat, err := os.Stat(bin)
	if err != nil {
		return err
	}
	b.report.table("idle", "RSS MiB", "PSS MiB", "binary MiB").add("ebb without functions", mib(rss), mib(pss), mib(stat.Size()))
	return nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// machine says what the numbers were measured on.
func machine() string {
	model := "unknown CPU"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d × %s, %s/%s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, runtime.Version())
}
