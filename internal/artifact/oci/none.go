//go:build !oci

package oci

import (
	"context"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// Source cannot find images in this build.
type Source struct{}

// New reads no certificates here.
func New(Config) (*Source, error) { return &Source{}, nil }

// Close has nothing to do.
func (*Source) Close() {}

// Resolve refuses: this ebb was built without the tag oci.
func (*Source) Resolve(context.Context, string) (*artifact.Image, artifact.OpenLayer, error) {
	return nil, nil, ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented,
		"Code.ImageUri: this ebb was built without container images")
}
