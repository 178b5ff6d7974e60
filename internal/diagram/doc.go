// Package diagram draws directed graphs whose boxes may hold graphs: as SVG with
// a layout of its own, as Mermaid and as DOT.
//
// It owns how a picture looks and where its boxes stand. It knows nothing of
// what the boxes mean: whoever calls it says their text, their look and the ways
// between them.
//
// Invariants:
//
//  1. The same Graph gives the same text, byte for byte.
//  2. In an SVG no two boxes overlap, and a box that holds others surrounds them.
//  3. Text of a Graph never becomes markup, in none of the three.
//
// There is no state and no I/O: a crash loses nothing. No walk passes here; cmd
// draws definitions with it.
package diagram
