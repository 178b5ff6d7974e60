package kafka

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// credentials is the content of a secret, in the form that AWS prescribes.
type credentials struct {
	Username    string `json:"username"`
	Password    string `json:"password"`
	Certificate string `json:"certificate"`
	PrivateKey  string `json:"privateKey"`
	KeyPassword string `json:"privateKeyPassword"`
}

// security is what a client needs to be let in.
type security struct {
	tls  *tls.Config
	sasl sasl.Mechanism
	user credentials // of BasicAuth
}

// security opens the secrets that s names.
func (k *Kind) security(ctx context.Context, service ebb.ServiceID, s *Settings) (*security, error) {
	return k.open(ctx, "kafka.access", service, s.Access, s.TLS)
}

func (k *Kind) open(ctx context.Context, field string, service ebb.ServiceID, all []Access, encrypted bool) (*security, error) {
	sec := new(security)
	if encrypted {
		sec.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	for _, a := range all {
		c, err := k.credentials(ctx, field, service, a)
		if err != nil {
			return nil, err
		}
		if err := sec.add(field, a.Type, c); err != nil {
			return nil, err
		}
	}
	return sec, nil
}

func (sec *security) add(field, kind string, c credentials) error {
	if sec.tls == nil && (kind == ClientCertificate || kind == RootCA) {
		sec.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	switch kind {
	case ClientCertificate:
		pair, err := tls.X509KeyPair([]byte(c.Certificate), []byte(c.PrivateKey))
		if c.KeyPassword != "" {
			return invalid("%s: the private key of %s is encrypted; give it without privateKeyPassword, ebb seals the secret", field, kind)
		}
		if err != nil {
			return invalid("%s: the secret of %s does not hold certificate and privateKey in PEM: %v", field, kind, err)
		}
		sec.tls.Certificates = []tls.Certificate{pair}
		return nil
	case RootCA:
		sec.tls.RootCAs = x509.NewCertPool()
		if !sec.tls.RootCAs.AppendCertsFromPEM([]byte(c.Certificate)) {
			return invalid("%s: the secret of %s holds no certificate in PEM", field, kind)
		}
		return nil
	}
	if c.Username == "" {
		return invalid("%s: the secret of %s has no username", field, kind)
	}
	switch kind {
	case BasicAuth:
		sec.sasl, sec.user = plain.Auth{User: c.Username, Pass: c.Password}.AsMechanism(), c
	case ScramSHA256:
		sec.sasl = scram.Auth{User: c.Username, Pass: c.Password}.AsSha256Mechanism()
	case ScramSHA512:
		sec.sasl = scram.Auth{User: c.Username, Pass: c.Password}.AsSha512Mechanism()
	}
	return nil
}

// credentials reads a secret: JSON as AWS has it, or for a CA the PEM alone.
func (k *Kind) credentials(ctx context.Context, field string, service ebb.ServiceID, a Access) (c credentials, err error) {
	ref, _ := SecretName(a.Secret)
	value, err := k.deps.Secret(ctx, service, ref)
	if err != nil {
		if ebb.KindOf(err) == ebb.NotFound {
			return c, invalid("%s: there is no secret %s", field, ref.Name)
		}
		return c, err
	}
	if a.Type == RootCA && bytes.HasPrefix(bytes.TrimSpace(value), []byte("-----BEGIN")) {
		c.Certificate = string(value)
		return c, nil
	}
	if err := json.Unmarshal(value, &c); err != nil {
		return c, invalid("%s: secret %s is not a JSON object with what %s needs", field, ref.Name, a.Type)
	}
	return c, nil
}

// Times of the group. A member that is killed is missed after sessionTimeout.
const (
	sessionTimeout    = 10 * time.Second
	heartbeatInterval = time.Second
	rebalanceTimeout  = 2 * time.Minute
	// drainLimit is how long a partition that is given up waits for what it has in
	// flight.
	drainLimit = rebalanceTimeout - 30*time.Second
)

// options are the client's, whatever it is for.
func (sec *security) options(s *Settings) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(s.Brokers...), kgo.ClientID("ebb"), kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.RetryTimeout(10 * time.Second), kgo.DialTimeout(5 * time.Second),
		kgo.RecordDeliveryTimeout(10 * time.Second), kgo.ProducerLinger(0),
	}
	if sec.tls != nil {
		opts = append(opts, kgo.DialTLSConfig(sec.tls.Clone()))
	}
	if sec.sasl != nil {
		opts = append(opts, kgo.SASL(sec.sasl))
	}
	return opts
}
