package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func tableRoute(t testing.TB, s ebb.Route) *route {
	s.Auth = ebb.RouteAuthNone
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	segments, err := ebb.ParseRoutePath(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	h := &httpRoute{settings: s, segments: segments}
	for _, p := range segments {
		if p.Kind == ebb.SegmentParameter || p.Kind == ebb.SegmentGreedy {
			h.names = append(h.names, p.Text)
		}
	}
	return &route{http: h}
}

// lookUp is what a request finds: "METHODS HOST PATH" of the route and the
// values of its parameters.
func lookUp(table *table, method, host, path string) (string, []string, string) {
	b, _ := table.at(host)
	f := &found{method: method}
	b.find(f, path)
	if f.route == nil {
		return "", nil, f.allow()
	}
	s := f.route.http.settings
	return strings.Join(s.MethodKeys(), ",") + " " + s.Host + s.Path, f.parameters(), ""
}

func TestPrecedence(t *testing.T) {
	var all []*route
	for _, s := range []ebb.Route{
		{Host: "api.bank.example", Path: "/pets/dog/1", Methods: []string{"GET"}},
		{Host: "api.bank.example", Path: "/pets/dog/{id}", Methods: []string{"GET"}},
		{Host: "api.bank.example", Path: "/pets/{rest+}", Methods: []string{"GET"}},
		{Host: "api.bank.example", Path: "/pets/{rest+}"},
		{Host: "api.bank.example", Path: "/pets/*", Methods: []string{"PUT"}},
		{Host: "api.bank.example", Path: "/{kind}/cat/{id}"},
		{Host: "api.bank.example", Path: "/"},
		{Host: "*.bank.example", Path: "/*"},
		{Path: "/a/"}, {Path: "/a", Methods: []string{"DELETE", "GET"}}, {Path: "/%E4%BD%A0/{x}"},
	} {
		all = append(all, tableRoute(t, s))
	}
	table := newTable(all)
	const api = "api.bank.example"
	for _, c := range []struct {
		method, host, path, want string
		values                   []string
		allow                    string
	}{
		{"GET", api, "/pets/dog/1", "GET " + api + "/pets/dog/1", nil, ""},
		{"GET", "API.Bank.Example.:443", "/pets/dog/1", "GET " + api + "/pets/dog/1", nil, ""},
		{"GET", api, "/pets/dog/2", "GET " + api + "/pets/dog/{id}", []string{"2"}, ""},
		{"GET", api, "/pets/cat/2", "GET " + api + "/pets/{rest+}", []string{"cat/2"}, ""}, // a literal further left wins
		{"POST", api, "/pets/dog/1", "ANY " + api + "/pets/{rest+}", []string{"dog/1"}, ""},
		{"GET", api, "/fish/cat/a%20b", "ANY " + api + "/{kind}/cat/{id}", []string{"fish", "a b"}, ""},
		{"PUT", api, "/pets", "PUT " + api + "/pets/*", nil, ""},
		{"PUT", api, "/pets/", "PUT " + api + "/pets/*", nil, ""},
		{"GET", api, "/pets", "", nil, "PUT"},
		{"GET", api, "/other", "", nil, ""}, // a named host never falls back
		{"GET", api, "/", "ANY " + api + "/", nil, ""},
		{"GET", "x.bank.example", "/other", "ANY *.bank.example/*", nil, ""},
		{"GET", "x.y.bank.example", "/a", "DELETE,GET /a", nil, ""},
		{"GET", "bank.example", "/a/", "ANY /a/", nil, ""},
		{"PUT", "localhost", "/a", "", nil, "DELETE, GET"},
		{"GET", "localhost", "/A", "", nil, ""},
		{"GET", "localhost", "/%e4%bd%a0/1", "ANY /%E4%BD%A0/{x}", []string{"1"}, ""},
		{"GET", "[::1]:80", "/a", "DELETE,GET /a", nil, ""},
	} {
		got, values, allow := lookUp(table, c.method, c.host, c.path)
		if got != c.want || !slices.Equal(values, c.values) || allow != c.allow {
			t.Errorf("%s %s%s: %q %q %q, want %q %q %q", c.method, c.host, c.path, got, values, allow, c.want, c.values, c.allow)
		}
	}
}

// rank orders the routes that match a request; the smallest is the most
// specific. "" = it does not match. It is the documented rule, word for word.
func rank(s *ebb.Route, method, host, path string) string {
	switch _, parent, _ := strings.Cut(host, "."); s.Host {
	case host, "*." + parent, "":
	default:
		return ""
	}
	kinds := ""
	patterns, segments := []string{}, []string{}
	if s.Path != "/" {
		patterns = strings.Split(s.Path[1:], "/")
	}
	if path != "/" {
		segments = strings.Split(path[1:], "/")
	}
	for i, p := range patterns {
		left := strings.Join(segments[min(i, len(segments)):], "/")
		switch {
		case p == "*":
			segments, kinds = nil, kinds+"d"
		case strings.HasSuffix(p, "+}"):
			if i >= len(segments) || left == "" {
				return ""
			}
			segments, kinds = nil, kinds+"c"
		case i >= len(segments):
			return ""
		case strings.HasPrefix(p, "{"):
			if segments[i] == "" {
				return ""
			}
			kinds += "b"
		case p != segments[i]:
			return ""
		default:
			kinds += "a"
		}
	}
	if len(segments) > len(patterns) {
		return ""
	}
	switch {
	case len(s.Methods) == 0:
		return kinds + "2"
	case slices.Contains(s.Methods, method):
		return kinds + "1"
	}
	return ""
}

// The table finds, of all routes that match, the most specific one.
func TestTableFindsTheMostSpecific(t *testing.T) {
	segment := rapid.SampledFrom([]string{"a", "b", "c", "{x}"})
	last := rapid.SampledFrom([]string{"", "", "/{y+}", "/*", "/"})
	hosts := []string{"", "h.ex", "*.ex", "g.ex"}
	methods := []string{"GET", "PUT", "POST"}
	rapid.Check(t, func(rt *rapid.T) {
		taken := map[string]bool{}
		var all []*route
		for range rapid.IntRange(1, 30).Draw(rt, "routes") {
			path := ""
			for i := range rapid.IntRange(0, 4).Draw(rt, "depth") {
				s := segment.Draw(rt, "segment")
				path += "/" + strings.Replace(s, "x", fmt.Sprintf("x%d", i), 1)
			}
			if path += last.Draw(rt, "last"); path == "" {
				path = "/"
			}
			s := ebb.Route{Host: rapid.SampledFrom(hosts).Draw(rt, "host"), Path: path}
			for _, m := range methods {
				if rapid.Bool().Draw(rt, m) {
					s.Methods = append(s.Methods, m)
				}
			}
			r := tableRoute(t, s)
			free := true
			for _, m := range r.http.settings.MethodKeys() {
				free = free && !taken[r.http.settings.Host+" "+m+" "+ebb.RouteShape(r.http.segments)]
			}
			if !free {
				continue
			}
			for _, m := range r.http.settings.MethodKeys() {
				taken[r.http.settings.Host+" "+m+" "+ebb.RouteShape(r.http.segments)] = true
			}
			all = append(all, r)
		}
		table := newTable(all)
		method := rapid.SampledFrom(methods).Draw(rt, "method")
		host := rapid.SampledFrom([]string{"h.ex", "g.ex", "z.ex", "else"}).Draw(rt, "asked host")
		path := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"/a", "/b", "/c", "/d"}), 0, 5).Draw(rt, "path"), "")
		if path == "" || rapid.Bool().Draw(rt, "slash") {
			path += "/"
		}
		// The host first: only routes of the most specific host that has any.
		_, parent, _ := strings.Cut(host, ".")
		chosen := ""
		for _, h := range []string{"", "*." + parent, host} {
			if slices.ContainsFunc(all, func(r *route) bool { return r.http.settings.Host == h }) {
				chosen = h
			}
		}
		var best *route
		bestRank := ""
		for _, r := range all {
			if r.http.settings.Host != chosen {
				continue
			}
			if k := rank(&r.http.settings, method, host, path); k != "" && (best == nil || k < bestRank) {
				best, bestRank = r, k
			}
		}
		b, _ := table.at(host)
		f := &found{method: method}
		b.find(f, path)
		if f.route != best {
			describe := func(r *route) any {
				if r == nil {
					return "none"
				}
				return r.http.settings
			}
			rt.Fatalf("%s %s%s: found %v, want %v (%s)", method, host, path, describe(f.route), describe(best), bestRank)
		}
		if best != nil && f.n != len(best.http.names) {
			rt.Fatalf("%d values for %v", f.n, best.http.names)
		}
	})
}

func TestClean(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/a": true, "/a/": true, "/a%20b/%E4%BD%A0": true, "/a.b/..c": true, "/%zz": false, "": false, "a": false,
		"//": false, "/a//b": false, "//a": false, "/./a": false, "/a/..": false, "/%2e%2e/a": false, "/a/%2E": false,
		"/a%2Fb": false, "/a%2f..%2fb": false, `/a\b`: false, "/a%5cb": false, "/a%00": false, "/a;x=1/b": false, "/a%3Bx": false,
	} {
		if clean(path) != want {
			t.Errorf("clean(%q) is %v", path, !want)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	var all []*route
	for i := range 1000 {
		all = append(all, tableRoute(b, ebb.Route{Path: fmt.Sprintf("/v1/service%d/orders/{id}", i), Methods: []string{"GET"}}))
	}
	table := newTable(all)
	b.ReportAllocs()
	for b.Loop() {
		const path = "/v1/service500/orders/4711"
		root, _ := table.at("api.bank.example:8443")
		f := &found{method: "GET"}
		if !clean(path) {
			b.Fatal("not clean")
		}
		if root.find(f, path); f.route == nil {
			b.Fatal("not found")
		}
	}
}
