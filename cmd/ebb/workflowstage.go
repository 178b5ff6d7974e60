package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// stage shows an execution while it runs: a line for each state that was passed,
// and on a terminal, below, one for each that runs.
type stage struct {
	w       io.Writer
	columns int  // of the terminal
	live    bool // a terminal: lines can be drawn again
	colour  bool
	drawn   int // lines that are drawn again
	turn    int // of the spinner
	tell    map[*visit]time.Time
	now     func() time.Time
}

func newStage(w io.Writer) *stage {
	columns := width(w)
	live := columns >= minWidth
	return &stage{w: w, columns: columns, live: live, colour: live && colourWanted(), tell: map[*visit]time.Time{}, now: time.Now}
}

// retell is how often the counts of a Map state are told off a terminal.
const retell = 2 * time.Second

// Marks of visits; the spinner is of those that run.
var (
	marks   = map[string]string{visitSucceeded: "✓", visitCaught: "!", visitFailed: "✗", visitAborted: "-", visitRunning: "·"}
	paints  = map[string]string{visitSucceeded: "\x1b[32m", visitCaught: yellow, visitFailed: red, visitAborted: dim}
	spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
)

// show draws what has changed.
func (s *stage) show(t *timeline, ended []*visit) {
	var text strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&text, "\x1b[%dA\x1b[J", s.drawn)
		s.drawn = 0
	}
	for _, v := range ended {
		if !v.inMap {
			text.WriteString(s.line(v, marks[v.Status]) + "\n")
		}
	}
	if t.ended { // those that did not get to their end
		for _, v := range t.visits {
			if !v.inMap && (v.Status == visitFailed || v.Status == visitAborted) {
				text.WriteString(s.line(v, marks[v.Status]) + "\n")
			}
		}
	}
	s.turn++
	for _, v := range t.open() {
		switch {
		case s.live:
			text.WriteString(cutLine(s.line(v, string(spinner[s.turn%len(spinner)])), s.columns) + "\n")
			s.drawn++
		case s.due(v):
			text.WriteString(s.line(v, marks[v.Status]) + "\n")
		}
	}
	_, _ = io.WriteString(s.w, text.String())
}

// due reports whether a visit that runs is to be told of off a terminal: when it
// begins to wait for something, and when its counts have changed for a while.
func (s *stage) due(v *visit) bool {
	last, told := s.tell[v]
	now := s.now()
	if told && (v.Items == 0 || now.Sub(last) < retell) || !told && now.Sub(v.Entered) < retell {
		return false
	}
	s.tell[v] = now
	return true
}

// line is one visit.
func (s *stage) line(v *visit, mark string) string {
	name := v.Name
	if v.Inside != "" {
		name = v.Inside + " / " + name
	}
	if s.colour && paints[v.Status] != "" {
		mark = paints[v.Status] + mark + reset
	}
	text := fmt.Sprintf("%s %-32s %8s", mark, name, shortTime(v.took(s.now())))
	for _, detail := range v.details() {
		text += "  " + detail
	}
	return text
}

// details are the counts, attempts and errors of a visit.
func (v *visit) details() (all []string) {
	if v.Items > 0 {
		text := fmt.Sprintf("%d/%d", v.Succeeded+v.Failed, v.Items)
		if v.Running > 0 {
			text += fmt.Sprintf(", %d running", v.Running)
		}
		if v.Failed > 0 {
			text += fmt.Sprintf(", %d failed", v.Failed)
		}
		all = append(all, text)
	}
	if v.Attempts > 1 {
		all = append(all, fmt.Sprintf("%d attempts", v.Attempts))
	}
	if v.Error != "" {
		all = append(all, v.Error)
	}
	return all
}

// note writes a line that stays.
func (s *stage) note(format string, args ...any) { _, _ = fmt.Fprintf(s.w, format+"\n", args...) }

// close leaves the lines of states that still run as they are.
func (s *stage) close() { s.drawn = 0 }

// cutLine is as much of a line as fits; what is drawn again must not wrap.
func cutLine(line string, columns int) string {
	seen := 0
	escape := false
	for i, c := range line {
		switch {
		case c == '\x1b':
			escape = true
		case escape:
			escape = c != 'm'
		case seen >= columns-1:
			return line[:i] + reset
		default:
			seen++
		}
	}
	return line
}

// shortTime is a duration for people.
func shortTime(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
