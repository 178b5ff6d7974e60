package diagram

import (
	"cmp"
	"slices"
)

// Distances, in pixels.
const (
	betweenLayers = 46
	betweenBoxes  = 28
	betweenInner  = 16
	padding       = 16
	headHeight    = 40 // of a box that holds others
	dotSize       = 16
	sweeps        = 8
)

// node is a box, or a bend of a way that passes a layer.
type node struct {
	box        *Box
	inner      []*layout
	x, y, w, h float64 // the middle, relative to the graph's upper left corner
	layer      int
	up, down   []*node
}

// route is a way with the nodes that it passes.
type route struct {
	way   Way
	nodes []*node // from the upper to the lower
	back  bool    // it leads upwards
}

// layout is a graph whose boxes have places.
type layout struct {
	nodes  []*node
	layers [][]*node
	routes []*route
	w, h   float64
}

// place gives each box of a graph, and of what it holds, its place.
func place(g *Graph) *layout {
	l := &layout{}
	byName := map[string]*node{}
	for i := range g.Boxes {
		n := measure(&g.Boxes[i])
		l.nodes = append(l.nodes, n)
		byName[n.box.Name] = n
	}
	l.connect(g.Ways, byName)
	l.layer()
	l.bend()
	l.order()
	l.columns()
	l.rows()
	return l
}

// measure finds the size of a box.
func measure(b *Box) *node {
	n := &node{box: b}
	if b.Shape == Dot {
		n.w, n.h = dotSize, dotSize
		return n
	}
	n.w, n.h = max(textWidth(b.Name, 13), textWidth(b.Note, 11))+32, 34
	if b.Note != "" {
		n.h = 46
	}
	if b.Shape == Choice {
		n.w, n.h = n.w+24, n.h+6
	}
	if len(b.Inner) == 0 {
		return n
	}
	w, h := float64(padding), 0.0
	for i := range b.Inner {
		in := place(&b.Inner[i])
		n.inner = append(n.inner, in)
		w, h = w+in.w+betweenInner, max(h, in.h)
	}
	n.w, n.h = max(n.w, w-betweenInner+padding), h+headHeight+padding
	return n
}

// textWidth is about how wide a text is.
func textWidth(s string, size float64) (w float64) {
	for _, c := range s {
		switch {
		case c >= 0x2e80:
			w += size
		case c >= 'A' && c <= 'Z' || c == 'm' || c == 'w' || c == '@':
			w += size * 0.70
		case c == 'i' || c == 'l' || c == 'j' || c == '.' || c == ',' || c == ':' || c == ' ':
			w += size * 0.32
		default:
			w += size * 0.56
		}
	}
	return w
}

// connect makes routes of ways. A way that leads back to where it came from is
// turned round, so that there are no circles.
func (l *layout) connect(ways []Way, byName map[string]*node) {
	from := map[*node][]*node{}
	for _, w := range ways {
		if a, b := byName[w.From], byName[w.To]; a != nil && b != nil {
			from[a] = append(from[a], b)
		}
	}
	const open, done = 1, 2
	state := map[*node]int{}
	backwards := map[[2]*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		state[n] = open
		for _, next := range from[n] {
			switch state[next] {
			case open:
				backwards[[2]*node{n, next}] = true
			case 0:
				visit(next)
			}
		}
		state[n] = done
	}
	for _, n := range l.nodes {
		if state[n] == 0 {
			visit(n)
		}
	}
	for _, w := range ways {
		a, b := byName[w.From], byName[w.To]
		if a == nil || b == nil {
			continue
		}
		r := &route{way: w, back: backwards[[2]*node{a, b}]}
		if r.back && a != b {
			a, b = b, a
		}
		r.nodes = []*node{a, b}
		l.routes = append(l.routes, r)
	}
}

// layer puts every box below all from which ways lead to it.
func (l *layout) layer() {
	for range l.nodes { // no way is longer than all boxes
		moved := false
		for _, r := range l.routes {
			a, b := r.nodes[0], r.nodes[1]
			if a != b && b.layer <= a.layer {
				b.layer, moved = a.layer+1, true
			}
		}
		if !moved {
			break
		}
	}
	for _, n := range l.nodes {
		for len(l.layers) <= n.layer {
			l.layers = append(l.layers, nil)
		}
		l.layers[n.layer] = append(l.layers[n.layer], n)
	}
}

// bend puts a bend into every layer that a way passes.
func (l *layout) bend() {
	for _, r := range l.routes {
		a, b := r.nodes[0], r.nodes[1]
		if a == b {
			continue
		}
		chain := []*node{a}
		for layer := a.layer + 1; layer < b.layer; layer++ {
			n := &node{layer: layer, w: 8}
			l.layers[layer] = append(l.layers[layer], n)
			chain = append(chain, n)
		}
		r.nodes = append(chain, b)
		for i := range r.nodes[1:] {
			upper, lower := r.nodes[i], r.nodes[i+1]
			upper.down, lower.up = append(upper.down, lower), append(lower.up, upper)
		}
	}
}

// order puts the boxes of each layer in an order with few crossings: each near
// the middle of those that it is connected with.
func (l *layout) order() {
	at := map[*node]float64{}
	number := func(layer []*node) {
		for i, n := range layer {
			at[n] = float64(i)
		}
	}
	for _, layer := range l.layers {
		number(layer)
	}
	arrange := func(layer []*node, others func(*node) []*node) {
		middle := map[*node]float64{}
		for _, n := range layer {
			middle[n] = at[n]
			if near := others(n); len(near) > 0 {
				sum := 0.0
				for _, o := range near {
					sum += at[o]
				}
				middle[n] = sum / float64(len(near))
			}
		}
		slices.SortStableFunc(layer, func(a, b *node) int { return cmp.Compare(middle[a], middle[b]) })
		number(layer)
	}
	for range sweeps {
		for _, layer := range l.layers {
			arrange(layer, func(n *node) []*node { return n.up })
		}
		for _, layer := range slices.Backward(l.layers) {
			arrange(layer, func(n *node) []*node { return n.down })
		}
	}
	for _, layer := range l.layers {
		arrange(layer, func(n *node) []*node { return n.up })
	}
}

// columns finds where in its layer each node stands: as near to the middle of
// its neighbours as the order and the distances allow.
func (l *layout) columns() {
	for _, layer := range l.layers {
		x := 0.0
		for _, n := range layer {
			n.x = x + n.w/2
			x += n.w + betweenBoxes
		}
		for _, n := range layer {
			n.x -= (x - betweenBoxes) / 2
		}
	}
	for i := range sweeps {
		for _, layer := range l.layers {
			pull(layer, func(n *node) []*node { return n.up })
		}
		for _, layer := range slices.Backward(l.layers) {
			pull(layer, func(n *node) []*node {
				if i == sweeps-1 {
					return append(slices.Clone(n.up), n.down...)
				}
				return n.down
			})
		}
	}
	left, right := 0.0, 0.0
	for _, layer := range l.layers {
		for _, n := range layer {
			left, right = min(left, n.x-n.w/2), max(right, n.x+n.w/2)
		}
	}
	for _, layer := range l.layers {
		for _, n := range layer {
			n.x -= left
		}
	}
	l.w = right - left
}

// pull moves the nodes of a layer to where they want to be. Those that would
// overlap share the distance: they form a block that stands where they want to
// be on average.
func pull(layer []*node, others func(*node) []*node) {
	type block struct {
		nodes  []*node
		offset []float64 // of each from the first
		sum    float64   // of the places that each wants the first to have
	}
	var blocks []*block
	for _, n := range layer {
		want := n.x
		if near := others(n); len(near) > 0 {
			want = 0
			for _, o := range near {
				want += o.x
			}
			want /= float64(len(near))
		}
		b := &block{[]*node{n}, []float64{0}, want}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			end := last.nodes[len(last.nodes)-1]
			gap := (end.w+b.nodes[0].w)/2 + betweenBoxes
			at := last.offset[len(last.offset)-1] + gap
			if last.sum/float64(len(last.nodes))+at <= b.sum/float64(len(b.nodes)) {
				break
			}
			for i, n := range b.nodes {
				last.nodes, last.offset = append(last.nodes, n), append(last.offset, at+b.offset[i])
			}
			last.sum += b.sum - at*float64(len(b.nodes))
			b, blocks = last, blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	for _, b := range blocks {
		first := b.sum / float64(len(b.nodes))
		for i, n := range b.nodes {
			n.x = first + b.offset[i]
		}
	}
}

// rows finds how far down each layer stands.
func (l *layout) rows() {
	y := 0.0
	for i, layer := range l.layers {
		height := 0.0
		for _, n := range layer {
			height = max(height, n.h)
		}
		if i > 0 {
			y += betweenLayers
		}
		for _, n := range layer {
			n.y = y + height/2
		}
		y += height
	}
	l.h = y
}
