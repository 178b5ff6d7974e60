package diagram

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// graphs draws graphs with circles, ways back, and boxes in boxes.
func graphs(depth int, next *int) *rapid.Generator[Graph] {
	return rapid.Custom(func(t *rapid.T) Graph {
		var g Graph
		for range rapid.IntRange(1, 9).Draw(t, "boxes") {
			*next++
			b := Box{Name: fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"a", "A long name of ", "对账", `<b>"&`}).Draw(t, "name"), *next), Note: rapid.SampledFrom([]string{"", "Task", "lambda:invoke"}).Draw(t, "note")}
			b.Shape = Shape(rapid.IntRange(0, 2).Draw(t, "shape"))
			if depth > 0 && b.Shape == Round && rapid.IntRange(0, 4).Draw(t, "nested") == 0 {
				for range rapid.IntRange(1, 3).Draw(t, "inner") {
					b.Inner = append(b.Inner, graphs(depth-1, next).Draw(t, "graph"))
				}
			}
			g.Boxes = append(g.Boxes, b)
		}
		for range rapid.IntRange(0, 14).Draw(t, "ways") {
			pick := func() string { return g.Boxes[rapid.IntRange(0, len(g.Boxes)-1).Draw(t, "end")].Name }
			g.Ways = append(g.Ways, Way{From: pick(), To: pick(), Text: rapid.SampledFrom([]string{"", "else"}).Draw(t, "text"), Dashed: rapid.Bool().Draw(t, "dashed")})
		}
		return g
	})
}

// TestBoxesHaveRoom: no two boxes overlap, and what a box holds is within it.
func TestBoxesHaveRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		next := 0
		g := graphs(2, &next).Draw(t, "graph")
		var check func(l *layout)
		check = func(l *layout) {
			const slack = 0.01
			for i, a := range l.nodes {
				if a.x-a.w/2 < -slack || a.x+a.w/2 > l.w+slack || a.y-a.h/2 < -slack || a.y+a.h/2 > l.h+slack {
					t.Fatalf("%q is outside of its graph: %v %v %v %v of %v %v", a.box.Name, a.x, a.y, a.w, a.h, l.w, l.h)
				}
				for _, b := range l.nodes[i+1:] {
					if math.Abs(a.x-b.x) < (a.w+b.w)/2-slack && math.Abs(a.y-b.y) < (a.h+b.h)/2-slack {
						t.Fatalf("%q and %q overlap", a.box.Name, b.box.Name)
					}
				}
				width := 0.0
				for _, in := range a.inner {
					width += in.w
					if in.h+headHeight > a.h {
						t.Fatalf("%q is too low for what it holds", a.box.Name)
					}
					check(in)
				}
				if width > a.w {
					t.Fatalf("%q is too narrow for what it holds", a.box.Name)
				}
			}
			for _, r := range l.routes {
				for i := range r.nodes[1:] {
					if len(r.nodes) > 2 && r.nodes[i+1].layer != r.nodes[i].layer+1 {
						t.Fatal("a way leaps over a layer")
					}
				}
			}
		}
		check(place(&g))
		for name, draw := range map[string]func(io.Writer, Graph) error{"svg": SVG, "dot": DOT, "mermaid": Mermaid} {
			var one, two strings.Builder
			if err := errors.Join(draw(&one, g), draw(&two, g)); err != nil || one.String() != two.String() {
				t.Fatalf("%s: not the same twice, or %v", name, err)
			}
			if name == "svg" {
				wellFormed(t, one.String())
			}
		}
	})
}

func wellFormed(t interface{ Fatalf(string, ...any) }, text string) {
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not XML: %v\n%s", err, text)
		}
	}
}

// TestTextStaysText: what boxes are called never becomes markup.
func TestTextStaysText(t *testing.T) {
	bad := `</text><script>x</script>"]; end %%{init}`
	g := Graph{Title: bad, Boxes: []Box{{Name: bad, Note: bad}, {Name: "b", Inner: []Graph{{Boxes: []Box{{Name: "c"}}}}}}, Ways: []Way{{From: bad, To: "b", Text: bad}}}
	for name, draw := range map[string]func(io.Writer, Graph) error{"svg": SVG, "mermaid": Mermaid, "dot": DOT} {
		var out strings.Builder
		if err := draw(&out, g); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(out.String(), `\"`, "")
		if name != "dot" && strings.Contains(text, "<script>") || name == "dot" && strings.Contains(text, `script>x</script>"];`) {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

// TestLooks: what a box is coloured by shows in all three.
func TestLooks(t *testing.T) {
	for name, draw := range map[string]func(io.Writer, Graph) error{"svg": SVG, "mermaid": Mermaid, "dot": DOT} {
		for _, l := range []Look{Plain, Good, Bad, Caution, Busy, Gone, Unseen} {
			var out strings.Builder
			if err := draw(&out, Graph{Boxes: []Box{{Name: "one", Look: l}}}); err != nil {
				t.Fatal(err)
			}
			border, filling, _ := l.colours()
			shows := strings.Contains(out.String(), border) && strings.Contains(out.String(), filling)
			if name == "mermaid" {
				shows = l == Plain || strings.Contains(out.String(), "class n1 "+string(l))
			}
			if !shows {
				t.Errorf("%s does not show %q: %s", name, l, out.String())
			}
		}
	}
}
