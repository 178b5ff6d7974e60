package kafka

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Settings are what a Kafka trigger has besides what all triggers have.
type Settings struct {
	Brokers []string `json:"brokers"` // HOST:PORT
	Topic   string   `json:"topic"`
	// Group is the consumer group; the trigger's id if empty.
	Group string `json:"group,omitempty"`
	// Start is where a group without committed offsets begins.
	Start     string     `json:"start,omitempty"`
	StartTime *time.Time `json:"startTime,omitempty"` // with AtTimestamp

	BatchSize int `json:"batchSize,omitempty"` // records
	// Window is how long a batch waits to be full, in milliseconds.
	Window *int `json:"window,omitempty"`
	// Parallel is how many batches of one partition may be in flight.
	Parallel int `json:"parallel,omitempty"`
	// Bisect splits a batch that failed in two.
	Bisect bool `json:"bisect,omitempty"`
	// ReportFailures has the function say which records failed.
	ReportFailures bool `json:"reportFailures,omitempty"`

	// MinPollers and MaxPollers bound the members of the group.
	MinPollers  int    `json:"minPollers,omitempty"`
	MaxPollers  int    `json:"maxPollers,omitempty"`
	PollerGroup string `json:"pollerGroup,omitempty"` // a name, kept

	TLS      bool      `json:"tls,omitempty"`
	Access   []Access  `json:"access,omitempty"`
	Registry *Registry `json:"registry,omitempty"`
}

// Places a group begins at, and a seek goes to.
const (
	TrimHorizon = "TRIM_HORIZON"
	Latest      = "LATEST"
	AtTimestamp = "AT_TIMESTAMP"
)

// Access says with what the cluster, or the registry, is reached.
type Access struct {
	Type   string `json:"type"`
	Secret string `json:"secret"` // secret://NAME, or the ARN that Secrets Manager would give it
}

// Types of Access, the words of the Lambda API.
const (
	BasicAuth         = "BASIC_AUTH"
	ScramSHA256       = "SASL_SCRAM_256_AUTH"
	ScramSHA512       = "SASL_SCRAM_512_AUTH"
	ClientCertificate = "CLIENT_CERTIFICATE_TLS_AUTH"
	RootCA            = "SERVER_ROOT_CA_CERTIFICATE"
)

// Registry is a schema registry.
type Registry struct {
	URL string `json:"url"`
	// Format is what the function gets: JSON, or SOURCE, the bytes as they came.
	Format   string   `json:"format,omitempty"`
	Validate []string `json:"validate,omitempty"` // KEY, VALUE
	Access   []Access `json:"access,omitempty"`
}

// Words of Registry.
const (
	FormatJSON   = "JSON"
	FormatSource = "SOURCE"
	AttrKey      = "KEY"
	AttrValue    = "VALUE"
)

// Bounds and defaults of Settings.
const (
	DefaultBatchSize = 100
	DefaultWindow    = 500 // milliseconds
	maxBrokers       = 10
	maxBatchSize     = 10_000
	maxWindow        = 300_000
	maxParallel      = 10
	maxMinPollers    = 200
	maxMaxPollers    = 2000
	maxGroup         = 200
	maxPollerGroup   = 128
	// MaxRetries is how often a batch may be said to be tried again.
	MaxRetries = 10_000
	// MaxAgeS is how old a record may be said to become.
	MaxAgeS = 604_800
	// retriesWithDestination holds where neither retries nor age are bounded and
	// there is a failure destination, as in AWS.
	retriesWithDestination = 10
)

var (
	topicRE = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
	groupRE = regexp.MustCompile(`^[a-zA-Z0-9\-/*:_+=.@]+$`)
)

// Read reads settings that were checked.
func Read(t *ebb.Trigger) (*Settings, error) {
	s := new(Settings)
	if err := json.Unmarshal(t.Settings, s); err != nil {
		return nil, err
	}
	if s.Group == "" {
		s.Group = string(t.ID)
	}
	return s, nil
}

// Check implements trigger.Kind.
func (k *Kind) Check(ctx context.Context, t *ebb.Trigger) (json.RawMessage, error) {
	var s Settings
	d := json.NewDecoder(bytes.NewReader(t.Settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, invalid("kafka: %v", err)
	}
	for _, check := range []func() error{s.checkSource, s.checkNumbers, s.checkAccess} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if t.OnFailure == "kafka://"+s.Topic || t.OnFailure == "arn:aws:kafka:::topic/"+s.Topic {
		return nil, invalid("onFailure: topic %s is the one that is read", s.Topic)
	}
	// What cannot be opened now could not be when records come.
	if _, err := k.security(ctx, t.Service, &s); err != nil {
		return nil, err
	}
	if s.Registry != nil {
		if _, err := k.registry(ctx, t.Service, s.Registry); err != nil {
			return nil, err
		}
	}
	return json.Marshal(s)
}

// checkSource checks where records come from.
func (s *Settings) checkSource() error {
	if len(s.Brokers) == 0 || len(s.Brokers) > maxBrokers {
		return invalid("kafka.brokers: %d are not between 1 and %d", len(s.Brokers), maxBrokers)
	}
	for i, b := range s.Brokers {
		host, port, err := net.SplitHostPort(b)
		if n, perr := strconv.Atoi(port); err != nil || perr != nil || host == "" || n < 1 || n > 65535 {
			return invalid("kafka.brokers[%d]: %.300q is not HOST:PORT", i, b)
		}
	}
	if s.Start == "" {
		s.Start = TrimHorizon
	}
	switch {
	case !topicRE.MatchString(s.Topic) || s.Topic == "." || s.Topic == "..":
		return invalid("kafka.topic: %.260q is not the name of a topic", s.Topic)
	case s.Group != "" && (len(s.Group) > maxGroup || !groupRE.MatchString(s.Group)):
		return invalid("kafka.group: %.220q is not 1 to %d letters, digits and - / * : _ + = . @", s.Group, maxGroup)
	case s.Start != TrimHorizon && s.Start != Latest && s.Start != AtTimestamp:
		return invalid("kafka.start: %.140q is none of %s, %s and %s", s.Start, TrimHorizon, Latest, AtTimestamp)
	case s.Start == AtTimestamp && s.StartTime == nil:
		return invalid("kafka.startTime: missing; %s needs it", AtTimestamp)
	case s.Start != AtTimestamp && s.StartTime != nil:
		return invalid("kafka.startTime: only with start %s", AtTimestamp)
	}
	return nil
}

// checkNumbers fills in defaults and checks bounds.
func (s *Settings) checkNumbers() error {
	if s.BatchSize == 0 {
		s.BatchSize = DefaultBatchSize
	}
	if s.Window == nil {
		s.Window = new(DefaultWindow)
	}
	if s.Parallel == 0 {
		s.Parallel = 1
	}
	for _, f := range []struct {
		name         string
		value        int
		lowest, most int
	}{
		{"batchSize", s.BatchSize, 1, maxBatchSize}, {"window", *s.Window, 0, maxWindow}, {"parallel", s.Parallel, 1, maxParallel},
		{"minPollers", s.MinPollers, 0, maxMinPollers}, {"maxPollers", s.MaxPollers, 0, maxMaxPollers},
		{"pollerGroup", len(s.PollerGroup), 0, maxPollerGroup},
	} {
		if f.value < f.lowest || f.value > f.most {
			return invalid("kafka.%s: %d is not between %d and %d", f.name, f.value, f.lowest, f.most)
		}
	}
	if s.MaxPollers != 0 && s.MinPollers > s.MaxPollers {
		return invalid("kafka.minPollers: %d is more than maxPollers, %d", s.MinPollers, s.MaxPollers)
	}
	return nil
}

// checkAccess checks what credentials are named, not what they hold.
func (s *Settings) checkAccess() error {
	if err := checkAccess("kafka.access", s.Access, BasicAuth, ScramSHA256, ScramSHA512, ClientCertificate, RootCA); err != nil {
		return err
	}
	for _, a := range s.Access {
		s.TLS = s.TLS || a.Type == ClientCertificate || a.Type == RootCA
	}
	r := s.Registry
	if r == nil {
		return nil
	}
	if r.Format == "" {
		r.Format = FormatJSON
	}
	switch {
	case !strings.HasPrefix(r.URL, "http://") && !strings.HasPrefix(r.URL, "https://"):
		return invalid("kafka.registry.url: %.200q is not the URL of a schema registry, http(s)://HOST", r.URL)
	case r.Format != FormatJSON && r.Format != FormatSource:
		return invalid("kafka.registry.format: %.40q is neither %s nor %s", r.Format, FormatJSON, FormatSource)
	}
	for _, v := range r.Validate {
		if v != AttrKey && v != AttrValue {
			return invalid("kafka.registry.validate: %.40q is neither %s nor %s", v, AttrKey, AttrValue)
		}
	}
	return checkAccess("kafka.registry.access", r.Access, BasicAuth, ClientCertificate, RootCA)
}

func checkAccess(field string, all []Access, known ...string) error {
	logins := 0
	for i, a := range all {
		if !slices.Contains(known, a.Type) {
			return invalid("%s[%d].type: %.40q is none of %s", field, i, a.Type, strings.Join(known, ", "))
		}
		if _, ok := SecretName(a.Secret); !ok {
			return invalid("%s[%d].secret: %.220q is neither secret://NAME nor the ARN of a secret", field, i, a.Secret)
		}
		for _, b := range all[:i] {
			if a.Type == b.Type {
				return invalid("%s[%d].type: %s is there twice", field, i, a.Type)
			}
		}
		if a.Type != ClientCertificate && a.Type != RootCA {
			logins++
		}
	}
	if logins > 1 {
		return invalid("%s: one way to log in, not %d", field, logins)
	}
	return nil
}

// SecretName is the secret that a reference, or an ARN of Secrets Manager, names.
func SecretName(ref string) (ebb.SecretRef, bool) {
	if r, ok := ebb.ParseSecretRef(ref); ok {
		return r, r.Name != ""
	}
	const parts = 7
	p := strings.SplitN(ref, ":", parts)
	if len(p) < parts || p[0] != "arn" || p[2] != "secretsmanager" || p[5] != "secret" || !ebb.ValidSecretName(p[6]) {
		return ebb.SecretRef{}, false
	}
	return ebb.SecretRef{Name: p[6]}, true
}

// policy is how often and how long records are tried.
type policy struct {
	retries int // -1 = without end
	age     time.Duration
}

func policyOf(t *ebb.Trigger) policy {
	p := policy{retries: -1, age: time.Duration(t.MaxAgeS) * time.Second}
	switch {
	case t.MaxRetries != nil:
		p.retries = *t.MaxRetries
	case t.MaxAgeS == 0 && t.OnFailure != "":
		p.retries = retriesWithDestination
	}
	return p
}

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}
