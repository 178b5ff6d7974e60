package main

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/manifest"
)

// resolve asks the platform which image a function's reference means now: a tag
// may have moved since the last deploy.
func (d *deployment) resolve(ctx context.Context, f *manifest.Function, p *codePackage, have *types.FunctionConfiguration) error {
	image := have.PackageType == types.PackageTypeImage
	switch {
	case image && f.Image == nil:
		return usagef("%s runs a container image on the platform, and a function cannot change from one to a package; remove it first: ebb rm %s", f.Name, f.Name)
	case !image && f.Image != nil:
		return usagef("%s runs a package on the platform, and a function cannot change from one to an image; remove it first: ebb rm %s", f.Name, f.Name)
	case !image:
		return nil
	}
	out, err := d.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &f.Name, ImageUri: &p.image, DryRun: true})
	if err != nil {
		return err
	}
	p.sha256 = aws.ToString(out.CodeSha256)
	return nil
}

// imageConfig is what the manifest overrides of an image; never nil, so that what
// it does not name goes back to the image's own.
func imageConfig(i *manifest.Image) *types.ImageConfig {
	c := &types.ImageConfig{EntryPoint: i.EntryPoint, Command: i.Command}
	if i.WorkDir != "" {
		c.WorkingDirectory = &i.WorkDir
	}
	return c
}

func imageDiffers(want *manifest.Image, have *types.ImageConfigResponse) bool {
	if want == nil {
		return false
	}
	c := &types.ImageConfig{}
	if have != nil && have.ImageConfig != nil {
		c = have.ImageConfig
	}
	return !slices.Equal(want.EntryPoint, c.EntryPoint) || !slices.Equal(want.Command, c.Command) ||
		want.WorkDir != aws.ToString(c.WorkingDirectory)
}
