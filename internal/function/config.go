package function

import (
	"context"
	"io"
	"runtime"
	"time"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/runtimes"
)

// Config holds what is the same for all functions of a platform.
// The zero value of every field means its default.
type Config struct {
	Region       string `yaml:"-"` // stands in ARNs; default us-east-1
	Architecture string `yaml:"-"` // of the host, as the Lambda API spells it; default from the binary
	// MaxTimeoutS is the longest timeout a function may ask for, in seconds.
	// Default and at most 86400.
	MaxTimeoutS int `yaml:"maxTimeoutS"`
	// MaxEnvBytes is what names and values of an environment may have together.
	// Default 4096, at most 65536.
	MaxEnvBytes int `yaml:"maxEnvBytes"`
	// CodeStorageMB is how much the packages of one service may take together,
	// zipped, each counted once. Default 76800 (75 GB).
	CodeStorageMB int64 `yaml:"codeStorageMB"`
	// Images finds container images by their URI. nil = there are none.
	Images func(ctx context.Context, uri string) (*artifact.Image, artifact.OpenLayer, error) `yaml:"-"`
	// Objects opens an object of the object store that is configured, for packages
	// that are there. nil = there is none.
	Objects func(ctx context.Context, service ebb.ServiceID, bucket, key, version string) (io.ReadCloser, error) `yaml:"-"`
	// NoLayers is why instances of this node cannot have layers; "" = they can.
	NoLayers string `yaml:"-"`
	// Probe runs a command in a box whose root is an image's tree, and returns what
	// it prints. nil = runtimes cannot be added.
	Probe func(ctx context.Context, root string, p runtimes.Probe) ([]byte, error) `yaml:"-"`
	// Egress is what functions may connect to at most; a service may have less.
	Egress ebb.Egress `yaml:"-"`
	// Mounts are the folders that functions may ask for.
	Mounts []ebb.MountOffer `yaml:"-"`
	// Concurrency is how many invocations the node can have in flight at once, the
	// whole that functions reserve parts of. Default 1000.
	Concurrency int `yaml:"-"`
	// InstancesPerFunction is how many instances of the node a function may have
	// that has reserved none. Default Concurrency.
	InstancesPerFunction int `yaml:"-"`
	// StrictRoles refuses functions whose role is not defined, as AWS does.
	// Without it such a role has the default permission set.
	StrictRoles bool `yaml:"strictRoles"`
	// CheckSecrets refuses an environment that refers to secrets which are not
	// there. nil = there are none.
	CheckSecrets func(ctx context.Context, service ebb.ServiceID, env map[string]string) error `yaml:"-"`
	// CheckTarget refuses a target that events of a function cannot be delivered
	// to. nil = there are no targets.
	CheckTarget func(ebb.FunctionKey, ebb.Target) error `yaml:"-"`
	// Unverified is told of code that was taken though it is not signed as the
	// function's code signing configuration says, which only warns. nil = nobody is.
	Unverified func(ebb.FunctionKey, error) `yaml:"-"`
	// Now is the wall clock. Default time.Now.
	Now func() time.Time `yaml:"-"`
}

// Limits of a function's settings, as the Lambda API has them.
const (
	MinMemoryMB, MaxMemoryMB, DefaultMemoryMB = 128, 10240, 128
	MinTmpMB, MaxTmpMB, DefaultTmpMB          = 512, 10240, 512
	DefaultTimeoutS                           = 3
	DefaultMaxTimeoutS                        = CeilingTimeoutS
	CeilingTimeoutS                           = 86400
	DefaultMaxEnvBytes                        = 4096 // names and values together
	CeilingEnvBytes                           = 64 << 10
	MaxDescription                            = 256 // characters
	MaxHandler                                = 128 // bytes
	MaxTags                                   = 50
)

// Validate says what is wrong, naming the field.
func (c Config) Validate() error {
	if c.MaxTimeoutS < 0 || c.MaxTimeoutS > CeilingTimeoutS {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
			"MaxTimeoutS: %d is not between 1 and %d", c.MaxTimeoutS, CeilingTimeoutS)
	}
	if c.MaxEnvBytes < 0 || c.MaxEnvBytes > CeilingEnvBytes {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "MaxEnvBytes: %d is not between 1 and %d", c.MaxEnvBytes, CeilingEnvBytes)
	}
	if c.CodeStorageMB < 0 {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "CodeStorageMB: %d is negative", c.CodeStorageMB)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Architecture == "" {
		c.Architecture = hostArchitecture()
	}
	if c.MaxTimeoutS == 0 {
		c.MaxTimeoutS = DefaultMaxTimeoutS
	}
	if c.MaxEnvBytes == 0 {
		c.MaxEnvBytes = DefaultMaxEnvBytes
	}
	if c.CodeStorageMB == 0 {
		c.CodeStorageMB = 75 << 10
	}
	if c.Concurrency == 0 {
		c.Concurrency = 1000
	}
	if c.InstancesPerFunction == 0 {
		c.InstancesPerFunction = c.Concurrency
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func hostArchitecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}
