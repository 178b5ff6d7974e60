package ebb

import (
	"regexp"
	"strings"
	"time"
)

// Publisher is somebody whose signature on a package a service may ask for: a
// name with a public key. A name may have several, each a version of it.
type Publisher struct {
	Service   ServiceID
	Name      string
	Version   string // made from the key
	PublicKey []byte // ed25519
	CreatedAt time.Time
}

// CodeSigningConfig says whose signature the code of functions must have.
type CodeSigningConfig struct {
	Service      ServiceID
	ID           string // csc- and 17 small letters and digits
	Description  string
	Publishers   []string // ARNs of publishers, see PublisherARN
	Enforce      bool     // refuse other code; without it that is only noted
	Tags         map[string]string
	LastModified time.Time
}

var (
	publisherNameRE = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	publisherARNRE  = regexp.MustCompile(`^arn:[a-zA-Z0-9-]+:signer:([a-zA-Z0-9-]+):(\d{12}):/signing-profiles/([a-zA-Z0-9_-]{1,64})/([a-z0-9]{10})$`)
	codeSigningRE   = regexp.MustCompile(`^arn:[a-zA-Z0-9-]+:lambda:([a-zA-Z0-9-]+):(\d{12}):code-signing-config:(csc-[a-z0-9]{17})$`)
)

// ValidPublisherName reports whether name has the shape of a publisher's name.
func ValidPublisherName(name string) bool { return publisherNameRE.MatchString(name) }

// PublisherARN builds the ARN of a publisher, which is that of a version of an
// AWS signing profile.
func PublisherARN(region string, p *Publisher) string {
	return "arn:aws:signer:" + region + ":" + string(p.Service) + ":/signing-profiles/" + p.Name + "/" + p.Version
}

// ParsePublisherARN reads what PublisherARN builds.
func ParsePublisherARN(arn string) (region string, p Publisher, ok bool) {
	m := publisherARNRE.FindStringSubmatch(arn)
	if m == nil {
		return "", Publisher{}, false
	}
	return m[1], Publisher{Service: ServiceID(m[2]), Name: m[3], Version: m[4]}, true
}

// CodeSigningARN builds the ARN of a code signing configuration.
func CodeSigningARN(region string, service ServiceID, id string) string {
	return "arn:aws:lambda:" + region + ":" + string(service) + ":code-signing-config:" + id
}

// CodeSigningRef is a code signing configuration as its ARN names it.
type CodeSigningRef struct {
	Region  string
	Service ServiceID
	ID      string
}

// ParseCodeSigningARN reads what CodeSigningARN builds.
func ParseCodeSigningARN(arn string) (CodeSigningRef, error) {
	m := codeSigningRE.FindStringSubmatch(arn)
	if m == nil {
		return CodeSigningRef{}, Errorf(Invalid, TypeInvalidParameterValue,
			"CodeSigningConfigArn: %.220q is not the ARN of a code signing configuration", arn)
	}
	return CodeSigningRef{Region: m[1], Service: ServiceID(m[2]), ID: m[3]}, nil
}

// IsCodeSigningARN reports whether arn names a code signing configuration rather
// than anything else.
func IsCodeSigningARN(arn string) bool { return strings.Contains(arn, ":code-signing-config:") }
