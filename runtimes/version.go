package runtimes

import (
	"cmp"
	"strconv"
	"strings"
)

func majorMinor(version string) (major, minor int) {
	p := strings.SplitN(version, ".", 3)
	major, _ = strconv.Atoi(p[0]) // what is no number is 0, which is older than anything
	if len(p) > 1 {
		minor, _ = strconv.Atoi(p[1])
	}
	return major, minor
}

// compareVersions orders dotted numbers.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		x, y := 0, 0
		if i < len(as) {
			x, _ = strconv.Atoi(as[i])
		}
		if i < len(bs) {
			y, _ = strconv.Atoi(bs[i])
		}
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// compareIDs sorts python3.9 before python3.11.
func compareIDs(a, b string) int {
	an, bn := strings.IndexAny(a, "0123456789"), strings.IndexAny(b, "0123456789")
	if an > 0 && bn > 0 && a[:an] == b[:bn] {
		if c := compareVersions(strings.TrimSuffix(a[an:], ".x"), strings.TrimSuffix(b[bn:], ".x")); c != 0 {
			return c
		}
	}
	return cmp.Compare(a, b)
}
