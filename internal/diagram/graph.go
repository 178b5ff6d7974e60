package diagram

// Graph is boxes and ways between them.
type Graph struct {
	Title string // "" = none; only of the outermost
	Boxes []Box  // names are unique in a graph and in all it holds
	Ways  []Way
}

// Box is one box.
type Box struct {
	Name  string
	Note  string // a second, smaller line; "" = none
	Shape Shape
	Look  Look
	Inner []Graph // side by side within it
}

// Shape is the form of a box.
type Shape int

// The shapes.
const (
	Round  Shape = iota // a box with round corners
	Choice              // where ways part
	Dot                 // a small filled circle, for a start or an end; its Name is not shown
)

// Look is what a box is coloured by.
type Look string

// The looks.
const (
	Plain   Look = ""
	Good    Look = "good"
	Bad     Look = "bad"
	Caution Look = "caution" // it went wrong, and was dealt with
	Busy    Look = "busy"
	Gone    Look = "gone" // given up
	Unseen  Look = "unseen"
)

// Way leads from one box of a graph to another of the same.
type Way struct {
	From, To string
	Text     string // "" = none
	Dashed   bool
}

// colours of a look: border, filling, text.
func (l Look) colours() (border, filling, text string) {
	switch l {
	case Good:
		return "#2e7d32", "#e6f4e7", "#14401a"
	case Bad:
		return "#c62828", "#fdeaea", "#5c1212"
	case Caution:
		return "#b26a00", "#fff4e0", "#4d2f00"
	case Busy:
		return "#1565c0", "#e5f0fc", "#0b2f5c"
	case Gone:
		return "#8a8f98", "#eef0f2", "#4a4f57"
	case Unseen:
		return "#c4c9d0", "#fafbfc", "#7a818b"
	}
	return "#5b6472", "#ffffff", "#1f2630"
}
