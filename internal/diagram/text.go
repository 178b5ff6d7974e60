package diagram

import (
	"fmt"
	"io"
	"strings"
)

// ids gives each box an identifier of its own, in the order in which they come.
type ids struct {
	next int
	w    *strings.Builder
}

func (n *ids) id() string {
	n.next++
	return fmt.Sprintf("n%d", n.next)
}

// Mermaid writes the graph as a Mermaid flowchart.
func Mermaid(w io.Writer, g Graph) error {
	n := &ids{w: &strings.Builder{}}
	if g.Title != "" {
		fmt.Fprintf(n.w, "---\ntitle: %q\n---\n", strings.NewReplacer("<", "‹", ">", "›").Replace(g.Title))
	}
	n.w.WriteString("flowchart TD\n")
	n.mermaid(g, "    ")
	for _, l := range []Look{Good, Bad, Caution, Busy, Gone, Unseen} {
		border, filling, text := l.colours()
		fmt.Fprintf(n.w, "    classDef %s stroke:%s,fill:%s,color:%s\n", l, border, filling, text)
	}
	_, err := io.WriteString(w, n.w.String())
	return err
}

// quoteMermaid makes a text safe inside quotation marks.
var quoteMermaid = strings.NewReplacer("#", "#35;", `"`, "#34;", "<", "#60;", ">", "#62;", "&", "#38;", "\n", " ", "`", "#96;")

func (n *ids) mermaid(g Graph, indent string) {
	names := map[string]string{}
	for _, b := range g.Boxes {
		id := n.id()
		names[b.Name] = id
		text := quoteMermaid.Replace(b.Name)
		if b.Note != "" {
			text += "<br/><small>" + quoteMermaid.Replace(b.Note) + "</small>"
		}
		if len(b.Inner) > 0 {
			fmt.Fprintf(n.w, "%ssubgraph %s [\"%s\"]\n", indent, id, text)
			for i, inner := range b.Inner {
				if len(b.Inner) > 1 {
					fmt.Fprintf(n.w, "%s    subgraph %s_%d [\" \"]\n", indent, id, i)
					n.mermaid(inner, indent+"        ")
					fmt.Fprintf(n.w, "%s    end\n", indent)
				} else {
					n.mermaid(inner, indent+"    ")
				}
			}
			fmt.Fprintf(n.w, "%send\n", indent)
		} else {
			form := map[Shape]string{Round: `("%s")`, Choice: `{"%s"}`, Dot: `(("%s"))`}[b.Shape]
			if b.Shape == Dot {
				text = " "
			}
			fmt.Fprintf(n.w, indent+id+form+"\n", text)
		}
		if b.Look != Plain {
			fmt.Fprintf(n.w, "%sclass %s %s\n", indent, id, b.Look)
		}
	}
	for _, way := range g.Ways {
		arrow := "-->"
		if way.Dashed {
			arrow = "-.->"
		}
		if way.Text != "" {
			arrow += `|"` + quoteMermaid.Replace(way.Text) + `"|`
		}
		fmt.Fprintf(n.w, "%s%s %s %s\n", indent, names[way.From], arrow, names[way.To])
	}
}

// DOT writes the graph for Graphviz.
func DOT(w io.Writer, g Graph) error {
	n := &ids{w: &strings.Builder{}}
	n.w.WriteString("digraph {\n  compound=true; rankdir=TB; fontname=\"Helvetica\";\n  node [fontname=\"Helvetica\", shape=box, style=\"rounded,filled\", fillcolor=white];\n  edge [fontname=\"Helvetica\", fontsize=10];\n")
	if g.Title != "" {
		fmt.Fprintf(n.w, "  label=%s; labelloc=t;\n", quoteDOT(g.Title))
	}
	n.dot(g, "  ")
	n.w.WriteString("}\n")
	_, err := io.WriteString(w, n.w.String())
	return err
}

func quoteDOT(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ").Replace(s) + `"`
}

// dotEnd is a box as ways see it: a node, and the cluster around it.
type dotEnd struct{ node, cluster string }

func (n *ids) dot(g Graph, indent string) (first string) {
	names := map[string]dotEnd{}
	for _, b := range g.Boxes {
		id := n.id()
		end := dotEnd{node: id}
		border, filling, text := b.Look.colours()
		label := quoteDOT(b.Name)
		if b.Note != "" {
			label = strings.TrimSuffix(label, `"`) + `\n` + strings.TrimPrefix(quoteDOT(b.Note), `"`)
		}
		if len(b.Inner) > 0 {
			end = dotEnd{cluster: "cluster_" + id}
			fmt.Fprintf(n.w, "%ssubgraph %s {\n%s  label=%s; style=\"rounded,filled\"; color=%q; fillcolor=%q; fontcolor=%q;\n", indent, end.cluster, indent, label, border, filling, text)
			for _, inner := range b.Inner {
				if at := n.dot(inner, indent+"  "); end.node == "" {
					end.node = at
				}
			}
			fmt.Fprintf(n.w, "%s}\n", indent)
		} else {
			shape := map[Shape]string{Round: "box", Choice: "diamond", Dot: "circle"}[b.Shape]
			if b.Shape == Dot {
				label = `"", width=0.2, height=0.2`
				filling = border
			}
			fmt.Fprintf(n.w, "%s%s [label=%s, shape=%s, color=%q, fillcolor=%q, fontcolor=%q];\n", indent, id, label, shape, border, filling, text)
		}
		names[b.Name] = end
		if first == "" {
			first = end.node
		}
	}
	for _, way := range g.Ways {
		from, to := names[way.From], names[way.To]
		var more []string
		if way.Text != "" {
			more = append(more, "label="+quoteDOT(way.Text))
		}
		if way.Dashed {
			more = append(more, "style=dashed")
		}
		if from.cluster != "" {
			more = append(more, "ltail="+from.cluster)
		}
		if to.cluster != "" {
			more = append(more, "lhead="+to.cluster)
		}
		fmt.Fprintf(n.w, "%s%s -> %s [%s];\n", indent, from.node, to.node, strings.Join(more, ", "))
	}
	return first
}
