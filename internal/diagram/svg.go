package diagram

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
)

// margin is around a whole picture.
const margin = 24

// SVG draws the graph.
func SVG(w io.Writer, g Graph) error {
	l := place(&g)
	top := float64(margin)
	if g.Title != "" {
		top += 28
	}
	width := max(l.w, textWidth(g.Title, 15)) + 2*margin
	s := &svg{}
	s.linef(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="Helvetica, Arial, 'Noto Sans CJK SC', sans-serif">`,
		width, l.h+top+margin, width, l.h+top+margin)
	s.linef(`<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path d="M0 .5 7.5 4 0 7.5z" fill="#5b6472"/></marker></defs>`)
	s.linef(`<rect width="100%%" height="100%%" fill="#ffffff"/>`)
	if g.Title != "" {
		s.linef(`<text x="%d" y="%d" font-size="15" font-weight="600" fill="#1f2630">%s</text>`, margin, margin+8, html.EscapeString(g.Title))
	}
	s.layout(l, (width-l.w)/2, top)
	s.linef(`</svg>`)
	_, err := io.WriteString(w, s.String())
	return err
}

type svg struct{ strings.Builder }

func (s *svg) linef(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// layout draws a layout whose upper left corner is at x, y: boxes first, then
// ways, then what is written on them.
func (s *svg) layout(l *layout, x, y float64) {
	for _, n := range l.nodes {
		s.box(n, x, y)
	}
	ports := l.ports()
	var labels strings.Builder
	for _, r := range l.routes {
		points := r.points(ports)
		for i := range points {
			points[i].x, points[i].y = points[i].x+x, points[i].y+y
		}
		dash := ""
		if r.way.Dashed {
			dash = ` stroke-dasharray="5 4"`
		}
		tip := `marker-end="url(#tip)"`
		if r.back && len(r.nodes) > 1 && r.nodes[0] != r.nodes[1] {
			tip = `marker-start="url(#tip)"`
		}
		s.linef(`<path d="%s" fill="none" stroke="#5b6472" stroke-width="1.3"%s %s/>`, curve(points), dash, tip)
		if r.way.Text != "" {
			a, b := points[0], points[1]
			if r.back {
				a, b = points[len(points)-1], points[len(points)-2]
			}
			fmt.Fprintf(&labels, `<text x="%.1f" y="%.1f" font-size="10.5" text-anchor="middle" fill="#3a424d" stroke="#ffffff" stroke-width="3" paint-order="stroke">%s</text>`+"\n",
				a.x+(b.x-a.x)*0.45, a.y+(b.y-a.y)*0.45+3, html.EscapeString(clip(r.way.Text)))
		}
	}
	s.WriteString(labels.String())
}

// clip is as much of a way's text as does not get into the way of others.
func clip(text string) string {
	const most = 28
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

func (s *svg) box(n *node, x, y float64) {
	cx, cy := n.x+x, n.y+y
	left, top := cx-n.w/2, cy-n.h/2
	border, filling, text := n.box.Look.colours()
	if n.box.Shape == Dot {
		s.linef(`<circle cx="%.1f" cy="%.1f" r="%d" fill="#5b6472"/>`, cx, cy, dotSize/2)
		return
	}
	s.linef(`<g><title>%s</title>`, html.EscapeString(strings.TrimSpace(n.box.Name+"\n"+n.box.Note)))
	switch {
	case n.box.Shape == Choice:
		const slant = 14
		s.linef(`<polygon points="%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f" fill="%s" stroke="%s" stroke-width="1.5"/>`,
			left, cy, left+slant, top, left+n.w-slant, top, left+n.w, cy, left+n.w-slant, top+n.h, left+slant, top+n.h, filling, border)
	default:
		s.linef(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="8" fill="%s" stroke="%s" stroke-width="1.5"/>`, left, top, n.w, n.h, filling, border)
	}
	name, note := cy+4.5, cy+16.0
	if n.box.Note != "" {
		name = cy - 2
	}
	if len(n.inner) > 0 {
		name, note = top+17, top+32
	}
	s.linef(`<text x="%.1f" y="%.1f" font-size="13" text-anchor="middle" fill="%s">%s</text>`, cx, name, text, html.EscapeString(n.box.Name))
	if n.box.Note != "" {
		s.linef(`<text x="%.1f" y="%.1f" font-size="11" text-anchor="middle" fill="%s" opacity="0.75">%s</text>`, cx, note, text, html.EscapeString(n.box.Note))
	}
	s.linef(`</g>`)
	total := -float64(betweenInner)
	for _, in := range n.inner {
		total += in.w + betweenInner
	}
	at := cx - total/2
	for i, in := range n.inner {
		if i > 0 {
			s.linef(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-dasharray="2 3"/>`, at-betweenInner/2, top+headHeight, at-betweenInner/2, top+n.h-padding/2, border)
		}
		s.layout(in, at, top+headHeight)
		at += in.w + betweenInner
	}
}

type point struct{ x, y float64 }

// port is where a route touches a node.
type port struct {
	r     *route
	n     *node
	lower bool // on the node's lower side
}

// ports spreads the ways of a box along its sides, in the order in which they
// arrive, so that they do not lie on each other.
func (l *layout) ports() map[port]float64 {
	type end struct {
		port
		toward float64
	}
	sides := map[*node][2][]end{}
	for _, r := range l.routes {
		last := len(r.nodes) - 1
		if r.nodes[0] == r.nodes[last] {
			continue
		}
		for _, e := range []end{{port{r, r.nodes[0], true}, r.nodes[1].x}, {port{r, r.nodes[last], false}, r.nodes[last-1].x}} {
			both := sides[e.n]
			i := 0
			if e.lower {
				i = 1
			}
			both[i] = append(both[i], e)
			sides[e.n] = both
		}
	}
	at := map[port]float64{}
	for n, both := range sides {
		for _, ends := range both {
			slices.SortStableFunc(ends, func(a, b end) int { return cmp.Compare(a.toward, b.toward) })
			room := min(n.w*0.6, float64(len(ends)-1)*40)
			if n.w <= dotSize {
				room = 0
			}
			for i, e := range ends {
				at[e.port] = n.x
				if len(ends) > 1 {
					at[e.port] += room * (float64(i)/float64(len(ends)-1) - 0.5)
				}
			}
		}
	}
	return at
}

// points are where a route begins, bends and ends, from above.
func (r *route) points(ports map[port]float64) []point {
	first, last := r.nodes[0], r.nodes[len(r.nodes)-1]
	if first == last { // from a box to itself
		right := first.x + first.w/2
		return []point{{right, first.y - 8}, {right + 20, first.y - 8}, {right + 20, first.y + 8}, {right, first.y + 8}}
	}
	all := []point{{ports[port{r, first, true}], first.y + first.h/2}}
	for _, n := range r.nodes[1 : len(r.nodes)-1] {
		all = append(all, point{n.x, n.y})
	}
	return append(all, point{ports[port{r, last, false}], last.y - last.h/2})
}

// curve is a smooth line through points, upright in each of them.
func curve(points []point) string {
	var s strings.Builder
	fmt.Fprintf(&s, "M%.1f %.1f", points[0].x, points[0].y)
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		middle := (a.y + b.y) / 2
		fmt.Fprintf(&s, " C%.1f %.1f %.1f %.1f %.1f %.1f", a.x, middle, b.x, middle, b.x, b.y)
	}
	return s.String()
}
