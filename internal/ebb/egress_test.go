package ebb

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
)

func TestParseEgress(t *testing.T) {
	const text = "10.0.0.0/8:5432, tcp/db.bank.local:1521\nudp/10.1.1.1:53 *.Partner.COM.:8000-8099 [2001:db8::/32]:443,[::1]:*,*:443"
	e, err := ParseEgress(text)
	if err != nil {
		t.Fatal(err)
	}
	const want = "tcp/10.0.0.0/8:5432,tcp/db.bank.local:1521,udp/10.1.1.1:53,tcp/*.partner.com:8000-8099,tcp/[2001:db8::/32]:443,tcp/[::1]:*,tcp/*:443"
	if got := e.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	again, err := ParseEgress(e.String())
	if err != nil || again.String() != want {
		t.Errorf("read again: %v %v", again, err)
	}
	b, err := json.Marshal(e)
	var back Egress
	if err != nil || json.Unmarshal(b, &back) != nil || back.String() != want {
		t.Errorf("through JSON: %s %v", b, err)
	}
	if e, err := ParseEgress(" ,\n"); err != nil || !e.Empty() {
		t.Errorf("nothing is %v %v", e, err)
	}
}

func TestParseEgressRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"10.0.0.1":                            "no port",
		"[2001:db8::1]":                       "no port",
		"10.0.0.1:0":                          "not a port",
		"10.0.0.1:70000":                      "not a port",
		"10.0.0.1:90-80":                      "not a port",
		"10.0.0.1/8:80":                       "the block is 10.0.0.0/8",
		"10.0.0/8:80":                         "not a block",
		"2001:db8::1:80":                      "brackets",
		"[::ffff:10.0.0.1]:80":                "IPv4",
		"[fe80::1%eth0]:80":                   "zone",
		"[db.local]:80":                       "not an IPv6",
		"db..local:80":                        "host name",
		"300.1.1.1:80":                        "host name",
		"-x.local:80":                         "host name",
		"a.*.local:80":                        "host name",
		"sctp/a.local:80":                     "not a block",
		"[::1:80":                             "bracket",
		strings.Repeat("1.1.1.1:1,", 65):      "65 rules",
		"1.1.1.1:1," + strings.Repeat("x", 9): "rule 2",
	} {
		if _, err := ParseEgress(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.40q: %v, want %q", text, err, why)
		}
	}
}

func TestEgressWithin(t *testing.T) {
	ceiling := mustEgress(t, "10.0.0.0/8:1-9999,udp/10.0.0.53:53,*.bank.local:443,ftp.partner.com:22,[2001:db8::/32]:*")
	for rule, within := range map[string]bool{
		"10.1.0.0/16:5432": true, "10.1.2.3:5432": true, "10.0.0.0/8:1-9999": true,
		"10.0.0.0/7:80": false, "11.0.0.1:80": false, "10.1.2.3:10000": false, "10.1.2.3:9000-10001": false,
		"udp/10.1.2.3:80": false, "udp/10.0.0.53:53": true, "0.0.0.0/0:80": false,
		"db.bank.local:443": true, "*.bank.local:443": true, "*.eu.bank.local:443": true, "bank.local:443": true, // by 10/8 at that port
		"ftp.partner.com:22": true, "udp/db.bank.local:53": true, "udp/db.bank.local:54": false,
		"[2001:db8:1::/48]:443": true, "[2001:db9::1]:443": false,
	} {
		r, err := ParseEgressRule(rule)
		if err != nil {
			t.Fatal(err)
		}
		if got := ceiling.Admits(r); got != within {
			t.Errorf("%s: within = %t", rule, got)
		}
	}
	names := mustEgress(t, "*.bank.local:443")
	if _, beyond := names.Beyond(mustEgress(t, "bank.local:443")); !beyond {
		t.Error("*.bank.local holds bank.local")
	}
	if r, beyond := names.Beyond(mustEgress(t, "a.bank.local:443,*:443")); !beyond || r.Host != "*" {
		t.Errorf("beyond is %v %t", r, beyond)
	}
	kept := mustEgress(t, "a.bank.local:443,b.bank.local:444,10.0.0.1:443").Within(names, mustEgress(t, "*:*"))
	if kept.String() != "tcp/a.bank.local:443" {
		t.Errorf("kept %s", kept)
	}
}

func TestEgressMatches(t *testing.T) {
	e := mustEgress(t, "10.0.0.0/8:5432,udp/10.1.1.1:53,*.bank.local:443,api.partner.com:8000-8010")
	if _, ok := e.Address("tcp", netip.MustParseAddrPort("10.200.0.1:5432")); !ok {
		t.Error("an address of the block is not allowed")
	}
	if _, ok := e.Address("tcp", netip.MustParseAddrPort("[::ffff:10.200.0.1]:5432")); !ok {
		t.Error("the same address in IPv6's writing is another one")
	}
	for _, no := range []string{"11.0.0.1:5432", "10.0.0.1:5433", "10.1.1.1:53"} {
		if r, ok := e.Address("tcp", netip.MustParseAddrPort(no)); ok {
			t.Errorf("%s is allowed by %s", no, r)
		}
	}
	if !e.Host("tcp", "x.y.bank.local", 443) || e.Host("tcp", "bank.local", 443) || e.Host("tcp", "xbank.local", 443) ||
		!e.Host("tcp", "api.partner.com", 8010) || e.Host("udp", "api.partner.com", 8010) || e.Host("tcp", "api.partner.com", 8011) {
		t.Error("names do not match as they should")
	}
	if !e.Name("api.partner.com") || e.Name("partner.com") {
		t.Error("names are not known as they should be")
	}
	for rule, exact := range map[string]bool{"10.0.0.1:1": true, "a.b:1": true, "*.b:1": false, "*:1": false, "10.0.0.0/31:1": false, "a.b:1-2": false} {
		if r, _ := ParseEgressRule(rule); r.Exact() != exact {
			t.Errorf("%s: exact = %t", rule, r.Exact())
		}
	}
}

func mustEgress(t *testing.T, text string) Egress {
	t.Helper()
	e, err := ParseEgress(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEgressSettings(t *testing.T) {
	v := Version{Env: map[string]string{EnvEgress: "10.0.0.1:80", EnvInvocationEgress: "nonsense"}}
	if v.Egress().String() != "tcp/10.0.0.1:80" || !v.InvocationEgress().Empty() {
		t.Errorf("%v %v", v.Egress(), v.InvocationEgress())
	}
}
