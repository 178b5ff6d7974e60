package object

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Settings are what an object trigger has besides what all triggers have. Without
// Webhook, Kafka and Poll the bucket is one of the platform's own endpoint.
type Settings struct {
	Bucket string `json:"bucket"`
	// Events are S3's names, "s3:ObjectCreated:*" by default.
	Events []string `json:"events,omitempty"`
	// Prefix and Suffix are what keys begin with and end in.
	Prefix string `json:"prefix,omitempty"`
	Suffix string `json:"suffix,omitempty"`
	// ID is the configurationId of records, the trigger's name by default.
	ID string `json:"id,omitempty"`

	Webhook *Webhook `json:"webhook,omitempty"`
	Kafka   *Kafka   `json:"kafka,omitempty"`
	Poll    *Poll    `json:"poll,omitempty"`
}

// Webhook has another store call a URL with its notifications.
type Webhook struct {
	// Secret is what the caller must know: a reference to a secret.
	Secret string `json:"secret"`
	// URL is where it is called; it is filled in.
	URL string `json:"url,omitempty"`
}

// Kafka has another store write its notifications to a topic.
type Kafka struct {
	Brokers []string `json:"brokers"` // HOST:PORT
	Topic   string   `json:"topic"`
	// Group is the consumer group, "ebb-" and the trigger's name by default.
	Group string `json:"group,omitempty"`
	TLS   bool   `json:"tls,omitempty"`
	// CA is the certificates (PEM) of who may sign the brokers'; "" = those that the
	// system trusts.
	CA string `json:"ca,omitempty"`
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; "" = none.
	Mechanism string `json:"mechanism,omitempty"`
	Username  string `json:"username,omitempty"`
	Password  string `json:"password,omitempty"` // a reference to a secret
}

// Poll looks at a bucket of another store again and again.
type Poll struct {
	Endpoint     string `json:"endpoint"`
	Region       string `json:"region,omitempty"`
	AccessKeyID  string `json:"accessKeyId,omitempty"`
	SecretKey    string `json:"secretAccessKey,omitempty"` // a reference to a secret
	VirtualHosts bool   `json:"virtualHosts,omitempty"`
	Every        int    `json:"every,omitempty"` // seconds
	// Existing takes what is there at the first look for created then.
	Existing bool `json:"existing,omitempty"`
}

// Bounds and defaults of Settings.
const (
	maxAffix     = 1024
	maxEvents    = 30
	defaultEvery = 60
	maxEvery     = 86400
	allCreated   = "s3:ObjectCreated:*"
)

var (
	bucketRE = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{1,254}$`)
	idRE     = regexp.MustCompile(`^[\x20-\x7e]{0,255}$`)
)

// known are the events that there are, with and without a last word.
func known(event string) bool {
	kind, word, _ := strings.Cut(strings.TrimPrefix(event, "s3:"), ":")
	words := map[string][]string{
		"ObjectCreated": {"Put", "Post", "Copy", "CompleteMultipartUpload"},
		"ObjectRemoved": {"Delete", "DeleteMarkerCreated"},
		"ObjectTagging": {"Put", "Delete"},
		"ObjectAcl":     {"Put"},
		"ObjectRestore": {"Post", "Completed", "Delete"},
	}[kind]
	return strings.HasPrefix(event, "s3:") && (slices.Contains(words, word) || word == "*" && words != nil)
}

// Check implements trigger.Kind.
func (k *Kind) Check(ctx context.Context, t *ebb.Trigger) (json.RawMessage, error) {
	s := new(Settings)
	d := json.NewDecoder(bytes.NewReader(t.Settings))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, invalid("object: %v", err)
	}
	if err := s.complete(t); err != nil {
		return nil, err
	}
	var err error
	switch {
	case s.Webhook != nil:
		s.Webhook.URL = k.deps.URL() + WebhookPath + string(t.ID)
		err = k.secret(ctx, t, "object.webhook.secret", s.Webhook.Secret)
	case s.Kafka != nil:
		if s.Kafka.Password != "" {
			err = k.secret(ctx, t, "object.kafka.password", s.Kafka.Password)
		}
	case s.Poll != nil:
		if s.Poll.SecretKey != "" {
			err = k.secret(ctx, t, "object.poll.secretAccessKey", s.Poll.SecretKey)
		}
	case k.deps.Bucket == nil:
		err = invalid("object: this platform has no S3 endpoint of its own (s3.off); give webhook, kafka or poll")
	default:
		if err = k.deps.Bucket(ctx, t.Service, s.Bucket); err != nil {
			err = invalid("object.bucket: %v", err)
		}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// complete fills in defaults and checks what needs nothing else to be known.
func (s *Settings) complete(t *ebb.Trigger) error {
	if len(s.Events) == 0 {
		s.Events = []string{allCreated}
	}
	if s.ID == "" {
		s.ID = t.Name
	}
	for i, e := range s.Events {
		if !known(e) {
			return invalid("object.events[%d]: %.140q is not an event of S3, such as s3:ObjectCreated:* or s3:ObjectRemoved:Delete", i, e)
		}
	}
	kinds := 0
	for _, given := range []bool{s.Webhook != nil, s.Kafka != nil, s.Poll != nil} {
		if given {
			kinds++
		}
	}
	switch {
	case !bucketRE.MatchString(s.Bucket):
		return invalid("object.bucket: %.140q is not a bucket's name", s.Bucket)
	case len(s.Events) > maxEvents:
		return invalid("object.events: %d are more than %d", len(s.Events), maxEvents)
	case len(s.Prefix) > maxAffix || len(s.Suffix) > maxAffix:
		return invalid("object.prefix, object.suffix: at most %d bytes", maxAffix)
	case !idRE.MatchString(s.ID):
		return invalid("object.id: at most 255 printable characters")
	case kinds > 1:
		return invalid("object: only one of webhook, kafka and poll")
	case s.Kafka != nil:
		return s.Kafka.complete(t)
	case s.Poll != nil:
		return s.Poll.complete(s)
	}
	return nil
}

func (c *Kafka) complete(t *ebb.Trigger) error {
	if c.Group == "" {
		c.Group = "ebb-" + string(t.Service) + "-" + t.Name
	}
	switch {
	case len(c.Brokers) == 0:
		return invalid("object.kafka.brokers: missing")
	case c.Topic == "":
		return invalid("object.kafka.topic: missing")
	case !slices.Contains([]string{"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, c.Mechanism):
		return invalid("object.kafka.mechanism: %.40q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", c.Mechanism)
	case c.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CA)):
		return invalid("object.kafka.ca: is no certificate in PEM")
	case (c.Mechanism == "") != (c.Username == "" && c.Password == ""):
		return invalid("object.kafka: mechanism, username and password go together")
	}
	return nil
}

func (p *Poll) complete(s *Settings) error {
	if p.Every == 0 {
		p.Every = defaultEvery
	}
	u, err := url.Parse(p.Endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "":
		return invalid("object.poll.endpoint: is not http://HOST[:PORT] or https://HOST[:PORT]")
	case p.Every < 1 || p.Every > maxEvery:
		return invalid("object.poll.every: %d is not between 1 and %d seconds", p.Every, maxEvery)
	case (p.AccessKeyID == "") != (p.SecretKey == ""):
		return invalid("object.poll: accessKeyId and secretAccessKey go together")
	}
	for i, e := range s.Events {
		if !slices.Contains([]string{allCreated, "s3:ObjectCreated:Put", "s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete"}, e) {
			return invalid("object.events[%d]: who looks at a bucket sees s3:ObjectCreated:Put and s3:ObjectRemoved:Delete only", i)
		}
	}
	return nil
}

// secret refuses a value that is no reference to a secret that is there.
func (k *Kind) secret(ctx context.Context, t *ebb.Trigger, field, value string) error {
	if ref, ok := ebb.ParseSecretRef(value); !ok || ref.Name == "" {
		return invalid("%s: must refer to a secret (%sNAME), which a trigger does not show", field, ebb.SecretScheme)
	}
	_, err := k.reveal(ctx, t, value)
	if ebb.KindOf(err) == ebb.NotFound || ebb.KindOf(err) == ebb.Invalid {
		return invalid("%s: %v", field, err)
	}
	return err
}

// reveal is what a reference to a secret stands for; "" stands for itself.
func (k *Kind) reveal(ctx context.Context, t *ebb.Trigger, value string) (string, error) {
	if value == "" {
		return "", nil
	}
	values, err := k.deps.Resolve(ctx, t.Service, map[string]string{"secret": value})
	return values["secret"], err
}

// source is whose bucket it is: "" is the platform's own endpoint.
func (s *Settings) source(t *ebb.Trigger) string {
	switch {
	case s.Webhook != nil:
		return "webhook:" + string(t.ID)
	case s.Kafka != nil:
		return "kafka:" + strings.Join(s.Kafka.Brokers, ",") + "/" + s.Kafka.Topic
	case s.Poll != nil:
		return "poll:" + s.Poll.Endpoint
	}
	return ""
}

// patternOf is an event's name as records have it.
func patternOf(event string) string { return strings.TrimPrefix(event, "s3:") }

// takes reports whether an event is one that the trigger asked for.
func (s *Settings) takes(e *ebb.ObjectEvent) bool {
	return e.Bucket == s.Bucket && strings.HasPrefix(e.Key, s.Prefix) && strings.HasSuffix(e.Key, s.Suffix) &&
		slices.ContainsFunc(s.Events, func(p string) bool { return covers(patternOf(p), e.Name) })
}

func covers(pattern, name string) bool {
	before, all := strings.CutSuffix(pattern, "*")
	return pattern == name || all && strings.HasPrefix(name, before)
}

// overlaps reports whether one event could be both rules', and which.
func (s *Settings) overlaps(o *Settings) (event string, yes bool) {
	if !strings.HasPrefix(s.Prefix, o.Prefix) && !strings.HasPrefix(o.Prefix, s.Prefix) ||
		!strings.HasSuffix(s.Suffix, o.Suffix) && !strings.HasSuffix(o.Suffix, s.Suffix) {
		return "", false
	}
	for _, a := range s.Events {
		for _, b := range o.Events {
			switch {
			case covers(a, b):
				return b, true
			case covers(b, a):
				return a, true
			}
		}
	}
	return "", false
}
