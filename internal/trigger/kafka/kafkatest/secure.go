package kafkatest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"hash"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Secure is who may come to a broker, and its certificates.
type Secure struct {
	User, Password string
	CA             string // PEM: who signed the broker's certificate and the client's
	Certificate    string // PEM, of a client
	Key            string // PEM, PKCS #8

	server, serverKey string
}

// NewSecure makes a certificate authority with a broker and a client, and a user.
func NewSecure() (*Secure, error) {
	s := &Secure{User: "ebb", Password: "p" + rand.Text()}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return nil, err
	}
	s.CA = asPEM("CERTIFICATE", der)
	issue := func(serial int64, name string) (cert, key string, err error) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return "", "", err
		}
		leaf := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}}
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, k.Public(), caKey)
		if err != nil {
			return "", "", err
		}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
		return asPEM("CERTIFICATE", der), asPEM("PRIVATE KEY", pkcs8), err
	}
	if s.server, s.serverKey, err = issue(2, "broker"); err != nil {
		return nil, err
	}
	s.Certificate, s.Key, err = issue(3, "client")
	return s, err
}

func asPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// properties is what a broker's configuration says of it.
func (s *Secure) properties() string {
	inline := func(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\\n") }
	login := func(module, more string) string {
		return "org.apache.kafka.common.security." + module + " required" + more + ";"
	}
	lines := []string{
		"ssl.keystore.type=PEM", "ssl.truststore.type=PEM", "ssl.client.auth=none", "listener.name.mutual.ssl.client.auth=required",
		"ssl.keystore.certificate.chain=" + inline(s.server), "ssl.keystore.key=" + inline(s.serverKey), "ssl.truststore.certificates=" + inline(s.CA),
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
	}
	for _, l := range []string{"saslplain", "sasltls"} {
		lines = append(lines,
			"listener.name."+l+".plain.sasl.jaas.config="+login("plain.PlainLoginModule", fmt.Sprintf(" user_%s=%q", s.User, s.Password)),
			"listener.name."+l+".scram-sha-256.sasl.jaas.config="+login("scram.ScramLoginModule", ""),
			"listener.name."+l+".scram-sha-512.sasl.jaas.config="+login("scram.ScramLoginModule", ""))
	}
	return strings.Join(lines, "\n")
}

// addUsers gives the user its SCRAM credentials.
func (b *Broker) addUsers(ctx context.Context, s *Secure) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address))
	if err != nil {
		return err
	}
	defer cl.Close()
	const iterations = 4096
	salt := []byte(rand.Text())
	for mechanism, h := range map[int8]func() hash.Hash{1: sha256.New, 2: sha512.New} {
		salted, err := pbkdf2.Key(h, s.Password, salt, iterations, h().Size())
		if err != nil {
			return err
		}
		u := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
		u.Name, u.Mechanism, u.Iterations, u.Salt, u.SaltedPassword = s.User, mechanism, iterations, salt, salted
		req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
		req.Upsertions = append(req.Upsertions, u)
		res, err := req.RequestWith(ctx, cl)
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(res.Results[0].ErrorCode); err != nil {
			return err
		}
	}
	return nil
}
