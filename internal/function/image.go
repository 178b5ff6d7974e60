package function

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// MaxImageConfig is the number of arguments that an image's entry point and
// command may have together, and maxWorkingDir the bytes of its working directory.
const (
	MaxImageConfig = 1500
	maxWorkingDir  = 1000
)

// The sentences of the Lambda API.
const (
	msgImageNoRuntime = "Runtime and Handler are not supported for functions created with container images."
	msgImageNoLayers  = "Layers are not supported for functions created with container images."
	msgNeedsImage     = "Please provide ImageUri when updating a function with packageType Image."
	msgNeedsZip       = "Please don't provide ImageUri when updating function with packageType Zip."
)

// checkSource checks what a function is to be made of.
func (f *Functions) checkSource(c *Create) error {
	if c.ImageURI == "" {
		if c.ImageConfig != nil && !c.ImageConfig.Empty() {
			return invalid("ImageConfig: only a function with PackageType Image has one")
		}
		for _, err := range []error{f.checkRuntime(c.Runtime), f.checkHandler(c.Runtime, c.Handler, isWeb(c.Env))} {
			if err != nil {
				return err
			}
		}
		return checkOneSource("Code.", c.Zip, c.Object)
	}
	switch {
	case len(c.Zip) > 0 || c.Object != nil:
		return invalid("Code: ImageUri and ZipFile or S3Bucket exclude each other")
	case len(c.Layers) > 0:
		return invalid(msgImageNoLayers)
	case c.CodeSigning != "":
		return invalid(msgImageNoSigning)
	case c.Runtime != "" || c.Handler != "":
		return invalid(msgImageNoRuntime)
	}
	return checkImageConfig(c.ImageConfig)
}

func checkImageConfig(c *ebb.ImageConfig) error {
	if c == nil {
		return nil
	}
	if len(c.EntryPoint)+len(c.Command) > MaxImageConfig {
		return invalid("ImageConfig: EntryPoint and Command have more than %d arguments", MaxImageConfig)
	}
	for _, list := range [][]string{c.EntryPoint, c.Command, {c.WorkingDirectory}} {
		if slices.ContainsFunc(list, func(s string) bool { return strings.ContainsRune(s, 0) }) {
			return invalid("ImageConfig: holds a NUL byte")
		}
	}
	if len(c.EntryPoint) > 0 && c.EntryPoint[0] == "" {
		return invalid("ImageConfig.EntryPoint: its first part, the program, is empty")
	}
	if d := c.WorkingDirectory; d != "" && (!path.IsAbs(d) || len(d) > maxWorkingDir) {
		return invalid("ImageConfig.WorkingDirectory: %.140q is not an absolute path of at most %d bytes", d, maxWorkingDir)
	}
	return nil
}

// checkUpdateSource checks that a new package is of the kind that v has.
func checkUpdateSource(v *ebb.Version, u *UpdateCode) error {
	switch {
	case v.IsImage() && (u.ImageURI == "" || len(u.Zip) > 0 || u.Object != nil):
		return invalid(msgNeedsImage)
	case v.IsImage():
		return nil
	case u.ImageURI != "":
		return invalid(msgNeedsZip)
	}
	return checkOneSource("", u.Zip, u.Object)
}

// updateImage changes the settings that only a function with an image has.
func updateImage(v *ebb.Version, u *UpdateConfig) error {
	if len(v.Layers) > 0 {
		return invalid(msgImageNoLayers)
	}
	if v.Runtime != "" || v.Handler != "" {
		return invalid(msgImageNoRuntime)
	}
	if u.ImageConfig == nil {
		return nil
	}
	if err := checkImageConfig(u.ImageConfig); err != nil {
		return err
	}
	image := *v.Image
	image.Config = *u.ImageConfig
	v.Image = &image
	return nil
}

// putImage stores an image, which then needs its registry no more.
func (f *Functions) putImage(ctx context.Context, uri string) (ebb.Code, *ebb.Image, error) {
	img, open, err := f.findImage(ctx, uri)
	if err != nil {
		return ebb.Code{}, nil, err
	}
	if err := f.packages.PutImage(ctx, img, open); err != nil {
		return ebb.Code{}, nil, err
	}
	return ebb.Code{Digest: img.Digest}, theImage(uri, img), nil
}

// checkImage does what can be done without reading the image's layers.
func (f *Functions) checkImage(ctx context.Context, uri string) (ebb.Code, *ebb.Image, error) {
	img, _, err := f.findImage(ctx, uri)
	if err != nil {
		return ebb.Code{}, nil, err
	}
	return ebb.Code{Digest: img.Digest}, theImage(uri, img), nil
}

// theImage is what a version keeps of an image, without overrides.
func theImage(uri string, img *artifact.Image) *ebb.Image {
	return &ebb.Image{URI: uri, Resolved: img.Resolved, Settings: imageSettings(img)}
}

func (f *Functions) findImage(ctx context.Context, uri string) (*artifact.Image, artifact.OpenLayer, error) {
	if f.cfg.Images == nil {
		return nil, nil, ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented,
			"Code.ImageUri: this platform does not run container images")
	}
	return f.cfg.Images(ctx, uri)
}

func sameImageConfig(a, b *ebb.Version) bool {
	if a.Image == nil || b.Image == nil {
		return a.Image == b.Image
	}
	x, y := &a.Image.Config, &b.Image.Config
	return slices.Equal(x.EntryPoint, y.EntryPoint) && slices.Equal(x.Command, y.Command) &&
		x.WorkingDirectory == y.WorkingDirectory
}
