package ebb

import "strings"

// HopByHop reports whether an HTTP header (canonical name) concerns two neighbours
// only, or says where the body ends, which each says anew.
func HopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// Listed reports whether an HTTP header that is a list, as Connection, has an element.
func Listed(values []string, element string) bool {
	for _, v := range values {
		for e := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(e), element) {
				return true
			}
		}
	}
	return false
}
