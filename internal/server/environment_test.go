package server

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnknownVariables(t *testing.T) {
	environ := []string{"EBB_SERVCE=x", "EBB_DATA=/d", "PATH=/bin", "EBB_LISTEN=secret", "EBB_EGRESS=", "EBB_PRE_STOP_TIMEOUT=3", "EBB_PORT_9080_TCP=tcp://10.0.0.1:9080"}
	var got []string
	for _, v := range UnknownVariables(environ) {
		got = append(got, v.Name+": "+v.Hint())
	}
	want := []string{
		"EBB_EGRESS: it is a setting of functions: it belongs into the environment of one",
		"EBB_LISTEN: settings are keys of the file that --config names",
		"EBB_PORT_9080_TCP: settings are keys of the file that --config names",
		"EBB_PRE_STOP_TIMEOUT: it is a setting of functions: it belongs into the environment of one",
		"EBB_SERVCE: did you mean EBB_SERVICE?",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// Kubernetes tells of every service; one of them may be called ebb, or ebb-api.
	environ = []string{"KUBERNETES_SERVICE_HOST=10.0.0.1", "EBB_SERVICE_HOST=x", "EBB_SERVICE_PORT=1", "EBB_SERVICE_PORT_API=1",
		"EBB_PORT=x", "EBB_PORT_9080_TCP_ADDR=x", "EBB_API_SERVICE_HOST=x", "EBB_DTA=x"}
	if got := UnknownVariables(environ); len(got) != 1 || got[0].Nearest != "EBB_DATA" {
		t.Errorf("%+v", got)
	}
}

// TestVariablesAreThoseThatAreRead, wherever that is.
func TestVariablesAreThoseThatAreRead(t *testing.T) {
	read := []string{"EBB_ROOTLESS"} // by its own package, under a name that only it knows
	call := regexp.MustCompile(`\b(?:[Gg]etenv|get)\("(EBB_[A-Z_]+)"`)
	for _, root := range []string{"../../cmd/ebb", "..", "../../sdk/go"} {
		err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "hosttest") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range call.FindAllStringSubmatch(string(text), -1) {
				read = append(read, m[1])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(read)
	if d := cmp.Diff(slices.Compact(read), variables()); d != "" {
		t.Error(d)
	}
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range variables() {
		if name != "EBB_ROOTLESS" && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/configuration.md does not tell of %s", name)
		}
	}
}
