package asl

import (
	"strconv"
	"strings"
)

// Outline is a machine as a picture shows it: its states and the ways between
// them, nested like the definition.
type Outline struct {
	StartAt string
	States  []OutlineState // in the order of the definition
}

// OutlineState is one state of an Outline.
type OutlineState struct {
	Name     string
	Type     string
	Resource string // of a Task
	Ends     bool   // the state ends its machine, branch or iteration
	Ways     []OutlineWay
	Inner    []Outline // branches of a Parallel state, or the one processor of a Map state
	Runs     bool      // the Map state is distributed
}

// OutlineWay is one way from a state to another.
type OutlineWay struct {
	To   string
	Kind string // next, choice, default or catch
	Text string // of a catch, the errors; of a choice, its number from 1
}

// Outline returns the machine as a picture shows it.
func (m *Machine) Outline() Outline { return m.programs[m.root].outline() }

func (p *program) outline() Outline {
	o := Outline{StartAt: p.startAt}
	for _, name := range p.order {
		st := p.states[name]
		s := OutlineState{Name: name, Type: string(st.kind), Resource: st.resource, Ways: st.ways(),
			Ends: st.end || st.kind == typeSucceed || st.kind == typeFail}
		for _, b := range st.branches {
			s.Inner = append(s.Inner, b.outline())
		}
		if st.fan != nil && st.fan.program != nil {
			s.Inner, s.Runs = append(s.Inner, st.fan.program.outline()), st.fan.distributed
		}
		o.States = append(o.States, s)
	}
	return o
}

func (st *state) ways() []OutlineWay {
	var all []OutlineWay
	if st.next != "" {
		all = append(all, OutlineWay{To: st.next, Kind: "next"})
	}
	for i, c := range st.choices {
		all = append(all, OutlineWay{To: c.next, Kind: "choice", Text: strconv.Itoa(i + 1)})
	}
	if st.fallback != "" {
		all = append(all, OutlineWay{To: st.fallback, Kind: "default"})
	}
	for _, c := range st.catch {
		all = append(all, OutlineWay{To: c.next, Kind: "catch", Text: strings.Join(c.errors, ", ")})
	}
	return all
}
