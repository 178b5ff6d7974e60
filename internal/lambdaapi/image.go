package lambdaapi

import "github.com/ebb-faas/ebb/internal/ebb"

// imageConfig is nil when the request does not speak of it; one without members
// takes all overrides away.
func imageConfig(c *ImageConfig) *ebb.ImageConfig {
	if c == nil {
		return nil
	}
	return &ebb.ImageConfig{EntryPoint: c.EntryPoint, Command: c.Command, WorkingDirectory: deref(c.WorkingDirectory)}
}

// imageLocation is where the image of a version came from. AWS knows one kind of
// registry, and tools look for its name.
func imageLocation(v *ebb.Version) *FunctionCodeLocation {
	return &FunctionCodeLocation{RepositoryType: new("ECR"), ImageUri: &v.Image.URI, ResolvedImageUri: &v.Image.Resolved}
}

// describeImage changes what is different of a function with an image: it has
// neither runtime nor handler, and the digest of an image is spelt in hex.
func describeImage(out *FunctionConfiguration, v *ebb.Version) {
	out.Runtime, out.Handler, out.RuntimeVersionConfig = nil, nil, nil
	out.CodeSha256 = new(string(v.Code.Digest))
	c := v.Image.Config
	if c.Empty() {
		return
	}
	config := &ImageConfig{EntryPoint: c.EntryPoint, Command: c.Command}
	if c.WorkingDirectory != "" {
		config.WorkingDirectory = &c.WorkingDirectory
	}
	out.ImageConfigResponse = &ImageConfigResponse{ImageConfig: config}
}
