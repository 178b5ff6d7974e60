package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/artifact/oci"
	"github.com/ebb-faas/ebb/internal/cluster"
	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/gateway"
	"github.com/ebb-faas/ebb/internal/invoke"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/objects"
	"github.com/ebb-faas/ebb/internal/pool"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/s3"
	"github.com/ebb-faas/ebb/internal/secret"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
	"github.com/ebb-faas/ebb/internal/trigger/event"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// Config is everything that can be set, one section per package that reads it.
// docs/configuration.md lists the keys.
type Config struct {
	Data    string `yaml:"data"`    // data directory
	Listen  string `yaml:"listen"`  // address of the management API
	Gateway string `yaml:"gateway"` // address of the data plane
	// PublicGateway is how clients reach the data plane, for the URLs that ebb
	// hands out: scheme://host[:port]. Empty = the listener's own address.
	PublicGateway string `yaml:"publicGateway"`
	Region        string `yaml:"region"`
	Sandbox       string `yaml:"sandbox"` // auto, linux, rootless or process
	// Environ is the environment, to be told what in it means nothing.
	Environ []string `yaml:"-"`
	// RootlessRefused says why this process is in no user namespace though it needs one.
	RootlessRefused error           `yaml:"-"`
	DrainTimeout    time.Duration   `yaml:"drainTimeout"`
	LogLevel        string          `yaml:"logLevel"` // debug, info, warn or error
	Database        store.Config    `yaml:"database"` // without url: SQLite in the data directory
	Secrets         secret.Config   `yaml:"secrets"`
	Cluster         cluster.Config  `yaml:"cluster"`
	Function        function.Config `yaml:"function"`
	Packages        artifact.Config `yaml:"packages"`
	Images          oci.Config      `yaml:"images"`
	Objects         objects.Config  `yaml:"objects"`
	S3              s3.Config       `yaml:"s3"`
	Logs            logs.Config     `yaml:"logs"`
	Pool            pool.Config     `yaml:"pool"`
	Invoke          invoke.Config   `yaml:"invoke"`
	Queue           queue.Config    `yaml:"queue"`
	Deliver         deliver.Config  `yaml:"deliver"`
	HTTP            gateway.Config  `yaml:"http"`
	TLS             TLSConfig       `yaml:"tls"`
	Triggers        trigger.Config  `yaml:"triggers"`
	Events          event.Config    `yaml:"events"`
	Workflow        workflow.Config `yaml:"workflow"`
	Egress          egress.Config   `yaml:"egress"`
	// Mounts are folders of this host that functions may ask for.
	Mounts []ebb.MountOffer `yaml:"mounts"`
	// Directories are folders of this host that triggers may look at.
	Directories []ebb.DirectoryOffer `yaml:"directories"`
}

// UseDatabase sets the database that a command line names. What stands there,
// everybody on the machine can read.
func (c *Config) UseDatabase(url string) error {
	c.Database.URL = url
	if c.Database.SpellsPassword() {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
			"--database: no password on the command line, where every user of the machine sees it: set EBB_DATABASE_PASSWORD, or database.passwordFile in the configuration")
	}
	return c.Database.Validate()
}

// Values of Config.Sandbox.
const (
	sandboxAuto     = "auto"
	sandboxLinux    = "linux"
	sandboxRootless = "rootless"
	sandboxProcess  = "process"
)

// DefaultConfig is what holds where nothing is set.
func DefaultConfig() Config {
	return Config{
		Data:         DefaultData(),
		Listen:       "127.0.0.1:9080",
		Gateway:      "127.0.0.1:9081",
		Region:       "us-east-1",
		Sandbox:      sandboxAuto,
		Environ:      os.Environ(),
		DrainTimeout: 30 * time.Second,
		LogLevel:     "info",
		Database:     store.Config{Password: os.Getenv("EBB_DATABASE_PASSWORD")},
		Secrets:      secret.Config{MasterKey: os.Getenv("EBB_MASTER_KEY")},
	}
}

// DefaultData is the data directory where none is named: $EBB_DATA, else ebb in
// the user's data home.
func DefaultData() string {
	if dir := os.Getenv("EBB_DATA"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "ebb")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "ebb-data"
	}
	return filepath.Join(home, ".local", "share", "ebb")
}

// LoadConfig reads a YAML file over the defaults. Unknown keys and wrong types
// are refused with their line and column.
func LoadConfig(path string) (Config, error) {
	cfg := DefaultConfig()
	text, err := os.ReadFile(path)
	if err != nil {
		return cfg, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "--config: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(text, &cfg, yaml.Strict()); err != nil {
		return cfg, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "%s: %s", path, yaml.FormatError(err, false, true))
	}
	return cfg, cfg.Validate()
}

// Validate refuses values that cannot work, naming each key.
func (c Config) Validate() error {
	var errs []error
	for key, v := range map[string]string{"data": c.Data, "listen": c.Listen, "gateway": c.Gateway, "region": c.Region} {
		if v == "" {
			errs = append(errs, fmt.Errorf("%s: must not be empty", key))
		}
	}
	switch c.Sandbox {
	case sandboxAuto, sandboxLinux, sandboxRootless, sandboxProcess:
	default:
		errs = append(errs, fmt.Errorf("sandbox: %q is none of auto, linux, rootless, process", c.Sandbox))
	}
	if c.DrainTimeout < 0 {
		errs = append(errs, errors.New("drainTimeout: must not be negative"))
	}
	if _, err := logLevel(c.LogLevel); err != nil {
		errs = append(errs, err)
	}
	for _, section := range []interface{ Validate() error }{c.Database, c.Cluster, c.Secrets, c.Function, c.Images, c.Objects, c.S3, c.Pool, c.Invoke, c.Queue, c.Deliver, c.HTTP, c.TLS, c.Triggers, c.Events, c.Workflow, c.Egress} {
		errs = append(errs, section.Validate())
	}
	errs = append(errs, validateMounts(c.Mounts), validateDirectories(c.Directories))
	if err := errors.Join(errs...); err != nil {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "configuration: %w", err)
	}
	return nil
}

// Version is the version of this build, as the linker or the module system
// recorded it.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// version is set by the linker (-X); see the Makefile.
var version string
