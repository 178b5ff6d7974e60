package ebb

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Variables of a version's environment that say where its instances may
// connect to.
const (
	// EnvEgress is the version's own allow list, see ParseEgress.
	EnvEgress = "EBB_EGRESS"
	// EnvInvocationEgress lists what a single invocation may ask to be opened for
	// itself, see Invocation.Egress.
	EnvInvocationEgress = "EBB_INVOCATION_EGRESS"
)

// Protocols of a rule.
const (
	ProtocolTCP = "tcp"
	ProtocolUDP = "udp"
)

// MaxEgressRules bounds an allow list.
const MaxEgressRules = 64

// Egress is an allow list of targets that may be connected to. The zero value
// allows nothing.
type Egress struct {
	Rules []EgressRule `json:",omitempty"`
}

// EgressRule allows one protocol, a range of addresses or names, and a range of
// ports. Its text is PROTOCOL/TARGET:PORTS, for example tcp/10.0.0.0/8:5432.
type EgressRule struct {
	Protocol string
	Prefix   netip.Prefix // of addresses; the zero Prefix with Host
	Host     string       // a name in lower case, *.SUFFIX, or * for every name; "" with Prefix
	From, To uint16       // ports, both included

}

// ParseEgress reads rules that are separated by commas, blanks or lines. A rule
// is [tcp/|udp/]TARGET:PORTS. TARGET is an address (10.1.1.1, [2001:db8::1]), a
// block of them (10.0.0.0/8, [2001:db8::/32]), a host name, *.SUFFIX for the
// names below one, or * for every name. PORTS is 443, 8000-8099 or *.
func ParseEgress(text string) (Egress, error) {
	var e Egress
	for i, word := range strings.FieldsFunc(text, isSeparator) {
		r, err := ParseEgressRule(word)
		if err != nil {
			return Egress{}, fmt.Errorf("rule %d: %w", i+1, err)
		}
		e.Rules = append(e.Rules, r)
	}
	return e, e.Validate()
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' }

// Validate checks what the rules together must keep to.
func (e Egress) Validate() error {
	if len(e.Rules) > MaxEgressRules {
		return fmt.Errorf("%d rules are more than %d", len(e.Rules), MaxEgressRules)
	}
	return nil
}

// ParseEgressRule reads one rule. The error names it.
func ParseEgressRule(text string) (EgressRule, error) {
	r, err := parseEgressRule(text)
	if err != nil {
		return EgressRule{}, fmt.Errorf("%.140q: %w", text, err)
	}
	return r, nil
}

func parseEgressRule(text string) (EgressRule, error) {
	r := EgressRule{Protocol: ProtocolTCP}
	for _, p := range [...]string{ProtocolTCP, ProtocolUDP} {
		if rest, ok := strings.CutPrefix(text, p+"/"); ok {
			r.Protocol, text = p, rest
			break
		}
	}
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 || strings.HasSuffix(text, "]") {
		return r, errors.New("it has no port; write TARGET:PORT, or TARGET:* for every port")
	}
	var err error
	if r.From, r.To, err = parsePorts(text[colon+1:]); err != nil {
		return r, err
	}
	return r, r.parseTarget(text[:colon])
}

func parsePorts(text string) (from, to uint16, err error) {
	if text == "*" {
		return 1, 65535, nil
	}
	low, high, isRange := strings.Cut(text, "-")
	if !isRange {
		high = low
	}
	a, err1 := strconv.ParseUint(low, 10, 16)
	b, err2 := strconv.ParseUint(high, 10, 16)
	if err1 != nil || err2 != nil || a == 0 || b < a {
		return 0, 0, fmt.Errorf("%.40q is not a port, a range such as 8000-8099, or *", text)
	}
	return uint16(a), uint16(b), nil
}

func (r *EgressRule) parseTarget(text string) error {
	inner, bracketed := strings.CutPrefix(text, "[")
	if bracketed {
		if inner, bracketed = strings.CutSuffix(inner, "]"); !bracketed {
			return errors.New("a bracket is not closed")
		}
		text = inner
	} else if strings.Contains(text, ":") {
		return errors.New("an IPv6 address stands in brackets: [2001:db8::/32]:443")
	}
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			return fmt.Errorf("%.60q is not a block of addresses such as 10.0.0.0/8", text)
		case p.Addr().Is4In6():
			return errors.New("write the IPv4 address itself")
		case p != p.Masked():
			return fmt.Errorf("the address has bits beyond /%d; the block is %s", p.Bits(), p.Masked())
		}
		r.Prefix = p
		return nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		if a.Is4In6() || a.Zone() != "" {
			return errors.New("write the IPv4 address itself, and no zone")
		}
		r.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	if bracketed {
		return fmt.Errorf("%.60q is not an IPv6 address or block", text)
	}
	host := strings.ToLower(strings.TrimSuffix(text, "."))
	if !validHostPattern(host) {
		return fmt.Errorf("%.140q is neither an address, nor a block of them, nor a host name", text)
	}
	r.Host = host
	return nil
}

func validHostPattern(h string) bool {
	return h == "*" || ValidHostName(strings.TrimPrefix(h, "*."))
}

// ValidHostName reports whether h is a DNS name in lower case that cannot be
// taken for an address.
func ValidHostName(h string) bool {
	if len(h) == 0 || len(h) > 253 {
		return false
	}
	letters := false
	for label := range strings.SplitSeq(h, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			letter := c >= 'a' && c <= 'z' || c == '_'
			letters = letters || letter
			if !letter && c != '-' && (c < '0' || c > '9') {
				return false
			}
		}
	}
	return letters
}

// String is the rule's text, as ParseEgressRule reads it.
func (r EgressRule) String() string {
	target := r.Host
	if target == "" {
		target = r.Prefix.String()
		if r.Prefix.IsSingleIP() {
			target = r.Prefix.Addr().String()
		}
		if r.Prefix.Addr().Is6() {
			target = "[" + target + "]"
		}
	}
	ports := strconv.Itoa(int(r.From))
	switch {
	case r.From == 1 && r.To == 65535:
		ports = "*"
	case r.From != r.To:
		ports += "-" + strconv.Itoa(int(r.To))
	}
	return r.Protocol + "/" + target + ":" + ports
}

// MarshalText and UnmarshalText are the rule's text in JSON and YAML.
func (r EgressRule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseEgressRule.
func (r *EgressRule) UnmarshalText(text []byte) (err error) {
	*r, err = ParseEgressRule(string(text))
	return err
}

// String is the text of all rules, as ParseEgress reads it.
func (e Egress) String() string {
	words := make([]string, len(e.Rules))
	for i, r := range e.Rules {
		words[i] = r.String()
	}
	return strings.Join(words, ",")
}

// Empty reports whether nothing is allowed.
func (e Egress) Empty() bool { return len(e.Rules) == 0 }

// Exact reports whether the rule names one target: one port of one address, or
// of one name.
func (r EgressRule) Exact() bool {
	return r.From == r.To && (r.Prefix.IsSingleIP() || r.Host != "" && r.Host[0] != '*')
}

// MatchesHost reports whether the rule's names hold the name, in lower case.
func (r EgressRule) MatchesHost(name string) bool {
	switch {
	case r.Host == "":
		return false
	case r.Host == "*":
		return true
	case r.Host[0] == '*':
		return strings.HasSuffix(name, r.Host[1:]) && len(name) > len(r.Host)-1
	}
	return r.Host == name
}

// matches reports whether the rule is for that protocol and port.
func (r EgressRule) matches(protocol string, port uint16) bool {
	return r.Protocol == protocol && r.From <= port && port <= r.To
}

// Address returns a rule that allows the address and port, if there is one.
func (e Egress) Address(protocol string, to netip.AddrPort) (EgressRule, bool) {
	addr := to.Addr().Unmap()
	for _, r := range e.Rules {
		if r.matches(protocol, to.Port()) && r.Host == "" && r.Prefix.Contains(addr) {
			return r, true
		}
	}
	return EgressRule{}, false
}

// Host reports whether a rule allows the name and port.
func (e Egress) Host(protocol, name string, port uint16) bool {
	for _, r := range e.Rules {
		if r.matches(protocol, port) && r.MatchesHost(name) {
			return true
		}
	}
	return false
}

// Name reports whether a rule allows any port of the name.
func (e Egress) Name(name string) bool {
	for _, r := range e.Rules {
		if r.MatchesHost(name) {
			return true
		}
	}
	return false
}

// Admits reports whether what the rule asks for lies within the list. A name is
// within it also where only addresses are allowed at its ports: then the
// addresses that it turns out to have are compared when it is connected to.
func (e Egress) Admits(r EgressRule) bool {
	for _, have := range e.Rules {
		if have.Protocol == r.Protocol && have.From <= r.From && r.To <= have.To && have.holds(r) {
			return true
		}
	}
	return false
}

// holds compares targets only.
func (r EgressRule) holds(other EgressRule) bool {
	switch {
	case other.Host == "":
		return r.Host == "" && r.Prefix.Bits() <= other.Prefix.Bits() && r.Prefix.Contains(other.Prefix.Addr())
	case r.Host == "":
		return true
	case other.Host == "*" || r.Host == "*":
		return r.Host == "*"
	case other.Host[0] == '*':
		return r.Host[0] == '*' && strings.HasSuffix(other.Host[1:], r.Host[1:])
	}
	return r.MatchesHost(other.Host)
}

// Beyond returns the first rule of wish that does not lie within e.
func (e Egress) Beyond(wish Egress) (r EgressRule, beyond bool) {
	for _, r := range wish.Rules {
		if !e.Admits(r) {
			return r, true
		}
	}
	return EgressRule{}, false
}

// Within returns the rules of e that lie within all of the ceilings.
func (e Egress) Within(ceilings ...Egress) Egress {
	var kept Egress
	for _, r := range e.Rules {
		inside := true
		for _, c := range ceilings {
			inside = inside && c.Admits(r)
		}
		if inside {
			kept.Rules = append(kept.Rules, r)
		}
	}
	return kept
}

// Egress is what the version's instances may connect to, as far as the platform
// lets them. A setting that cannot be read allows nothing; it was refused when
// the version was made.
func (v *Version) Egress() Egress { return v.egress(EnvEgress) }

// InvocationEgress is what one invocation of the version may ask for. It is
// empty unless the version is made for that.
func (v *Version) InvocationEgress() Egress { return v.egress(EnvInvocationEgress) }

func (v *Version) egress(name string) Egress {
	s := v.Setting(name)
	if s == "" {
		return Egress{}
	}
	e, err := ParseEgress(s)
	if err != nil {
		return Egress{}
	}
	return e
}
