package e2e

import "testing"

// TestBoto3 runs a program that uses the SDK as it is.
func TestBoto3(t *testing.T) {
	t.Parallel()
	out, errs, code, err := shared.Python(t.Context(), "testdata/operations.py", name(t))
	if err != nil || code != 0 {
		t.Errorf("exit %d, %v:\n%s%s", code, err, out, errs)
	}
}

// TestBoto3Versions does the same with aliases, layers, policies, streams and
// tenants.
func TestBoto3Versions(t *testing.T) {
	t.Parallel()
	out, errs, code, err := shared.Python(t.Context(), "testdata/versions.py", name(t))
	if err != nil || code != 0 {
		t.Errorf("exit %d, %v:\n%s%s", code, err, out, errs)
	}
}
