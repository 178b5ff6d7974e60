package main

import (
	"os/exec"
	"testing"
)

// Whatever stands in a value, the shell gets exactly that.
func TestExportQuotes(t *testing.T) {
	const value = `a'b"c\d $HOME` + " `x` \n;"
	for shell, call := range map[string][]string{
		"bash":       {"bash", "-c"},
		"zsh":        {"zsh", "-c"},
		"fish":       {"fish", "-c"},
		"powershell": {"pwsh", "-NoProfile", "-Command"},
	} {
		line, err := export(shell, variable{"EBB_X", value})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath(call[0]); err != nil {
			continue // this machine does not have that shell
		}
		out, err := exec.Command(call[0], call[1], line+"\nprintenv EBB_X").Output()
		if err != nil || string(out) != value+"\n" {
			t.Errorf("%s: %q, %v", shell, out, err)
		}
	}
	// Shells that are not here, checked by eye once.
	for shell, want := range map[string]string{
		"fish":       `set -gx N 'a\'b\\c'`,
		"powershell": `$env:N = 'a''b\c'`,
	} {
		if line, err := export(shell, variable{"N", `a'b\c`}); err != nil || line != want {
			t.Errorf("%s: %s, %v", shell, line, err)
		}
	}
}

func TestShellOf(t *testing.T) {
	for path, want := range map[string]string{
		"/bin/zsh": "bash", "/bin/bash": "bash", "": "bash", "/usr/bin/fish": "fish", "/opt/pwsh": "powershell",
	} {
		if got := shellOf(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}
