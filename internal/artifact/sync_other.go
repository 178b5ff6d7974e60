//go:build !linux

package artifact

import "os"

// syncAll cannot be done here.
func syncAll(*os.Root) (done bool, err error) { return false, nil }
