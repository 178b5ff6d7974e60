package asl

import "testing"

const shop = `{"store": {"book": [
	{"title": "A", "price": 8.95, "tags": ["x"]}, {"title": "B", "price": 12.99, "isbn": "1"}, {"title": "C", "price": 8, "isbn": "2"}],
	"bicycle": {"color": "red", "price": 19.95}}, "a b": 1, "k'q": 2, "list": [0, 1, 2, 3, 4, 5], "null": null, "flag": true}`

func TestPathFind(t *testing.T) {
	document := mustValue(t, shop)
	for path, want := range map[string]string{
		`$.store.bicycle.color`:               `"red"`,
		`$['store']["bicycle"].color`:         `"red"`,
		`$['a b']`:                            `1`,
		`$['k\'q']`:                           `2`,
		`$.list[0]`:                           `0`,
		`$.list[-1]`:                          `5`,
		`$.list[(@.length-2)]`:                `4`,
		`$.list[1:3]`:                         `[1,2]`,
		`$.list[-2:]`:                         `[4,5]`,
		`$.list[:2]`:                          `[0,1]`,
		`$.list[0,2]`:                         `[0,2]`,
		`$.list[9:]`:                          `[]`,
		`$.list[::2]`:                         `[0,2,4]`,
		`$.store.book[*].title`:               `["A","B","C"]`,
		`$.store.book[*].isbn`:                `["1","2"]`,
		`$..price`:                            `[8.95,12.99,8,19.95]`,
		`$.store..tags[0]`:                    `["x"]`,
		`$.store.*.color`:                     `["red"]`,
		`$.store.book[?(@.price < 10)].title`: `["A","C"]`,
		`$.store.book[?(@.isbn)].title`:       `["B","C"]`,
		`$.store.book[?(@.title == 'B' && @.isbn)].isbn`:  `["1"]`,
		`$.store.book[?(@.title == B)].isbn`:              `["1"]`,
		`$.store.book[?(@.price > 10 || @.title == 'A')]`: `[{"title":"A","price":8.95,"tags":["x"]},{"title":"B","price":12.99,"isbn":"1"}]`,
		`$.store.bicycle['color','price']`:                `{"color":"red","price":19.95}`,
		`$.nope[*]`:                                       `[]`,
		`$..nope`:                                         `[]`,
		`$.null`:                                          `null`,
		`$`:                                               Value{document}.String(),
	} {
		p, err := parsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got, ok := p.find(document)
		if text := (Value{got}).String(); !ok || text != want {
			t.Errorf("%s = %s, %t; want %s", path, text, ok, want)
		}
	}
	for _, missing := range []string{`$.nope`, `$.list[6]`, `$.store.book.title`, `$.list.length()`, `$.flag.x`, `$.null.x`, `$.store[0]`} {
		p, err := parsePath(missing)
		if err != nil {
			t.Errorf("%s: %v", missing, err)
			continue
		}
		if v, ok := p.find(document); ok {
			t.Errorf("%s = %v", missing, v)
		}
	}
	for _, bad := range []string{``, `a`, `.a`, `$.`, `$..`, `$[`, `$['a`, `$['a'`, `$[a]`, `$[1:x]`, `$[?(@.a ==)]`, `$[?@.a]`, `$.a b`, `$['a' 'b']`, `$[::0]`} {
		if p, err := parsePath(bad); err == nil {
			t.Errorf("%s is taken: %+v", bad, p)
		}
	}
}

func TestPathPut(t *testing.T) {
	for _, c := range []struct{ document, path, want string }{
		{`{"a":1}`, `$.b`, `{"a":1,"b":"X"}`},
		{`{"a":1}`, `$.b.c`, `{"a":1,"b":{"c":"X"}}`},
		{`{"a":{"b":1,"c":2}}`, `$.a.b`, `{"a":{"b":"X","c":2}}`},
		{`{"a":1}`, `$`, `"X"`},
		{`[{"a":1},2]`, `$[0].b`, `[{"a":1,"b":"X"},2]`},
		{`[1]`, `$[1]`, ``},
		{`{"a":1}`, `$.a.b`, ``},
		{`"s"`, `$.a`, ``},
	} {
		document := mustValue(t, c.document)
		p, err := parsePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := p.put(document, "X")
		if ok != (c.want != "") || ok && (Value{got}).String() != c.want {
			t.Errorf("%s at %s: %s, %t; want %s", c.document, c.path, Value{got}, ok, c.want)
		}
		if (Value{document}).String() != c.document {
			t.Errorf("%s was changed", c.document)
		}
	}
}

func TestPathRoots(t *testing.T) {
	for text, want := range map[string]root{`$.a`: rootInput, `$$.a`: rootContext, `$x.a`: rootVariable, `$`: rootInput, `$$`: rootContext, `$é[0]`: rootVariable} {
		p, err := parsePath(text)
		if err != nil || p.root != want {
			t.Errorf("%s: %v %v", text, p, err)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{`$.store.book[?(@.price < 10)].title`, `$['a','b'][0:2]..c`, `$[(@.length-1)]`, `$x[*]`, `$[?(@.a =~ /x/)]`} {
		f.Add(seed)
	}
	document := mustValue(f, shop)
	f.Fuzz(func(_ *testing.T, text string) {
		p, err := parsePath(text)
		if err != nil {
			return
		}
		p.find(document)
		if p.reference() {
			p.put(document, "x")
		}
	})
}
