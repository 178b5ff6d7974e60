package artifact

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// The sentences of the Lambda API; what follows them in parentheses is ours.
const (
	msgCannotUnzip = "Could not unzip uploaded file. Please check your file, then try to upload again."
	msgEmptyZip    = "Uploaded file must be a non-empty zip"
)

// badZip refuses a whole file.
func badZip(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
		msgCannotUnzip+" ("+format+")", args...)
}

// badEntry refuses a file because of one entry, which it names.
func badEntry(name, format string, args ...any) error {
	if len(name) > 200 {
		name = name[:200] + "…"
	}
	return badZip("entry %q: %s", name, fmt.Sprintf(format, args...))
}

func emptyZip() error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, msgEmptyZip)
}

// unpackedTooLarge names the entry at which the limit was passed, if there is
// one entry to blame.
func unpackedTooLarge(limit int64, name string) error {
	if name == "" {
		return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"Unzipped size must be smaller than %d bytes", limit)
	}
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
		"Unzipped size must be smaller than %d bytes (passed at entry %q)", limit, name)
}

func zippedTooLarge(limit int64) error {
	return ebb.Errorf(ebb.TooLarge, ebb.TypeRequestEntityTooLarge,
		"Zipped size must be smaller than %d bytes", limit)
}

func storageExceeded(limit int64) error {
	return ebb.Errorf(ebb.QuotaExceeded, ebb.TypeCodeStorageExceeded,
		"Code storage limit exceeded: all packages together may take %d bytes", limit)
}

// badImage refuses an image for what it is. The first sentence is AWS's.
func badImage(image, format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
		"Source image %s is not valid. Provide a valid source image. ("+format+")", append([]any{image}, args...)...)
}

// unavailableImage is an image that could not be fetched now.
func unavailableImage(image string, err error) error {
	return &ebb.Error{Kind: ebb.Unavailable, Type: ebb.TypeServiceUnavailable,
		Message: "Source image " + image + " could not be fetched: " + err.Error(), Cause: err}
}

func errClosed() error {
	return &ebb.Error{Kind: ebb.Unavailable, Type: ebb.TypeServiceUnavailable, Message: "ebb is shutting down"}
}

func notStored(d ebb.Digest) error {
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Code: package %q is not stored", string(d))
}

// storageFault classifies what the file system answered: a disk that is full
// now may have room later, everything else is the platform's fault.
func storageFault(doing string, err error) error {
	if _, ok := errors.AsType[*ebb.Error](err); ok {
		return err
	}
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			return &ebb.Error{
				Kind: ebb.Unavailable, Type: ebb.TypeServiceUnavailable,
				Message:    "Code: no space left on device to store the package",
				RetryAfter: 10 * time.Second, Cause: err,
			}
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("artifact: %s: %w", doing, err)
}
