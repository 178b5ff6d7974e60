package oci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}

// refuse words an image that ebb cannot take as AWS does.
func refuse(uri, format string, args ...any) error {
	return invalid("Source image %.500s is not valid. Provide a valid source image. (%s)", uri, fmt.Sprintf(format, args...))
}

func absent(uri string) error {
	return invalid("Source image %.500s does not exist. Provide a valid source image.", uri)
}

// explain tells what is wrong with the image from what is wrong with its source.
// A registry's own words are shown: whoever deploys has to act on them.
func explain(uri string, err error) error {
	if _, ours := errors.AsType[*ebb.Error](err); ours {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return absent(uri)
	}
	// What can be read of this host's disk, and is wrong, stays wrong.
	if _, disk := errors.AsType[*fs.PathError](err); local(uri) && !disk {
		return refuse(uri, "%v", err)
	}
	if answer, ok := errors.AsType[*transport.Error](err); ok {
		switch answer.StatusCode {
		case http.StatusNotFound:
			return absent(uri)
		case http.StatusUnauthorized, http.StatusForbidden:
			return invalid("Lambda does not have permission to access the image %.500s. "+
				"Check the credentials in images.registries. (%v)", uri, err)
		}
	}
	return &ebb.Error{Kind: ebb.Unavailable, Type: ebb.TypeServiceUnavailable,
		Message: fmt.Sprintf("Source image %.500s could not be read: %v", uri, err), Cause: err}
}
