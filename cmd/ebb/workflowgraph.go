package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/diagram"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

// graphFormats are what --graph knows.
var graphFormats = map[string]func(io.Writer, diagram.Graph) error{
	"mermaid": diagram.Mermaid, "dot": diagram.DOT, "svg": diagram.SVG,
}

// drawFile draws, or prints, the definition in a file. done is false when ref is
// no file but a name.
func (a *app) drawFile(ref string, opt showOptions) (done bool, err error) {
	st, err := os.Stat(ref)
	if errors.Is(err, fs.ErrNotExist) || err == nil && st.IsDir() || opt.graph == "" {
		return false, nil
	}
	all, err := sourcesOf(ref)
	if err != nil {
		return true, err
	}
	if len(all) > 1 {
		return true, usagef("%s: has %s; name one that is deployed, or the file of a definition", ref, count(len(all), "workflow", "workflows"))
	}
	machine, problems := all[0].check()
	if machine == nil {
		return true, notValid(problems)
	}
	return true, a.drawMachine(machine, nil, opt.graph)
}

// draw writes a definition as a picture, coloured by an execution unless t is nil.
func (a *app) draw(definition []byte, t *timeline, format string) error {
	machine, problems := asl.Parse(definition, jsonata.New(jsonata.Config{}))
	if machine == nil {
		return usagef("the definition is not valid: %w", problems[0])
	}
	return a.drawMachine(machine, t, format)
}

func (a *app) drawMachine(machine *asl.Machine, t *timeline, format string) error {
	p := &picture{}
	if t != nil {
		p.seen = map[string]*sighting{}
		for _, v := range t.visits {
			s := p.seen[v.Name]
			if s == nil {
				s = &sighting{}
				p.seen[v.Name] = s
			}
			s.add(v)
		}
	}
	return graphFormats[format](a.out, p.graph(machine.Outline(), machine.Comment))
}

// picture makes a graph of an outline.
type picture struct {
	seen map[string]*sighting // by state; nil: nothing is coloured
}

// sighting is what all visits of a state came to.
type sighting struct {
	counts map[string]int // by status
	total  int
	took   time.Duration // the longest
	items  *visit        // of a Map state, the last
}

func (s *sighting) add(v *visit) {
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	s.counts[v.Status]++
	s.total++
	s.took = max(s.took, v.took(time.Now()))
	if v.Items > 0 {
		s.items = v
	}
}

// look is the worst of what became of the state.
func (s *sighting) look() diagram.Look {
	for _, l := range []struct {
		status string
		look   diagram.Look
	}{{visitFailed, diagram.Bad}, {visitRunning, diagram.Busy}, {visitCaught, diagram.Caution}, {visitSucceeded, diagram.Good}} {
		if s.counts[l.status] > 0 {
			return l.look
		}
	}
	return diagram.Gone
}

func (s *sighting) note() string {
	note := shortTime(s.took)
	if s.total > 1 {
		note = fmt.Sprintf("×%d, ≤ %s", s.total, note)
	}
	if s.items != nil {
		note += ", " + s.items.details()[0]
	} else if n := s.counts[visitFailed]; n > 0 && s.total > 1 {
		note += fmt.Sprintf(", %d failed", n)
	}
	return note
}

// Names of the boxes that are no states; no state's name has a line end.
const (
	boxStart = "start\n"
	boxEnd   = "end\n"
)

func (p *picture) graph(o asl.Outline, title string) diagram.Graph {
	g := diagram.Graph{Title: title, Boxes: []diagram.Box{{Name: boxStart, Shape: diagram.Dot}}}
	g.Ways = []diagram.Way{{From: boxStart, To: o.StartAt}}
	ends := false
	for i := range o.States {
		s := &o.States[i]
		g.Boxes = append(g.Boxes, p.box(s))
		for _, way := range s.Ways {
			w := diagram.Way{From: s.Name, To: way.To, Dashed: way.Kind == "catch"}
			switch way.Kind {
			case "choice":
				w.Text = way.Text
			case "default":
				w.Text = "else"
			case "catch":
				w.Text = strings.TrimPrefix(way.Text, "States.")
			}
			g.Ways = append(g.Ways, w)
		}
		if s.Ends {
			ends = true
			g.Ways = append(g.Ways, diagram.Way{From: s.Name, To: boxEnd})
		}
	}
	if ends {
		g.Boxes = append(g.Boxes, diagram.Box{Name: boxEnd, Shape: diagram.Dot})
	}
	return g
}

func (p *picture) box(s *asl.OutlineState) diagram.Box {
	b := diagram.Box{Name: s.Name, Note: s.Type}
	if s.Type == "Task" {
		b.Note = taskNote(s.Resource)
	}
	if s.Runs {
		b.Note = "Map, distributed"
	}
	if s.Type == "Choice" {
		b.Shape = diagram.Choice
	}
	for _, inner := range s.Inner {
		b.Inner = append(b.Inner, p.graph(inner, ""))
	}
	if p.seen == nil {
		return b
	}
	if b.Look = diagram.Unseen; p.seen[s.Name] != nil {
		b.Look, b.Note = p.seen[s.Name].look(), b.Note+" · "+p.seen[s.Name].note()
	}
	return b
}

// taskNote is what a Task calls, for people.
func taskNote(resource string) string {
	if short, ok := strings.CutPrefix(resource, "arn:aws:states:::"); ok {
		return short
	}
	return resource[strings.LastIndexByte(resource, ':')+1:]
}
