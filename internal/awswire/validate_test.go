package awswire

import (
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestValidateWording(t *testing.T) {
	const failed = "' failed to satisfy constraint: "
	ok := func(edit func(*widgetRequest)) *widgetRequest {
		in := &widgetRequest{Name: new("ab1"), Size: new(int32(5))}
		edit(in)
		return in
	}
	cases := []struct {
		in   *widgetRequest
		want []string
	}{
		{ok(func(*widgetRequest) {}), nil},
		{&widgetRequest{Name: new("a")}, []string{"Value null at 'size" + failed + "Member must not be null"}},
		{ok(func(w *widgetRequest) { w.Size = new(int32(10241)) }),
			[]string{"Value '10241' at 'size" + failed + "Member must have value less than or equal to 10240"}},
		{ok(func(w *widgetRequest) { w.Size = new(int32(0)) }),
			[]string{"Value '0' at 'size" + failed + "Member must have value greater than or equal to 1"}},
		{ok(func(w *widgetRequest) { w.Name = new("") }), []string{
			"Value '' at 'name" + failed + "Member must have length greater than or equal to 1",
			"Value '' at 'name" + failed + `Member must satisfy regular expression pattern: (?!^\d+$)[a-z0-9]+`}},
		{ok(func(w *widgetRequest) { w.Name = new("12") }),
			[]string{"Value '12' at 'name" + failed + `Member must satisfy regular expression pattern: (?!^\d+$)[a-z0-9]+`}},
		{ok(func(w *widgetRequest) { w.Name = new("ab\n") }),
			[]string{"Value 'ab\n' at 'name" + failed + `Member must satisfy regular expression pattern: (?!^\d+$)[a-z0-9]+`}},
		{ok(func(w *widgetRequest) { w.Name = new("ninechars") }),
			[]string{"Value 'ninechars' at 'name" + failed + "Member must have length less than or equal to 8"}},
		{ok(func(w *widgetRequest) { w.Colour = new("green") }),
			[]string{"Value 'green' at 'colour" + failed + "Member must satisfy enum value set: [red, blue]"}},
		{ok(func(w *widgetRequest) { w.Parts = []string{"éàü", "OPTIONS"} }), []string{
			"Value '[éàü, OPTIONS]' at 'parts" + failed + "Member must satisfy constraint: [Member must have length less than or equal to 3, " +
				"Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: .*, Member must not be null]"}},
		{ok(func(w *widgetRequest) { w.Parts = []string{"a", "b", "c"} }),
			[]string{"Value '[a, b, c]' at 'parts" + failed + "Member must have length less than or equal to 2"}},
		{ok(func(w *widgetRequest) { w.Labels = map[string]string{"a": "x", "B": "y"} }),
			[]string{"Value '{B=y, a=x}' at 'labels" + failed + "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-z]+, Member must not be null]"}},
		{ok(func(w *widgetRequest) { w.Secret = new("hunter2") }),
			[]string{"Value at 'secret" + failed + "Member must have length less than or equal to 3"}},
		{ok(func(w *widgetRequest) { w.Box = &widgetBox{} }),
			[]string{"Value null at 'box.weight" + failed + "Member must not be null"}},
		{ok(func(w *widgetRequest) { w.Boxes = []widgetBox{{Weight: new(1.0)}, {Weight: new(0.25)}} }),
			[]string{"Value '0.25' at 'boxes.2.member.weight" + failed + "Member must have value greater than or equal to 0.5"}},
		{&widgetRequest{Size: new(int32(0)), Colour: new("x")}, []string{
			"Value null at 'name" + failed + "Member must not be null",
			"Value '0' at 'size" + failed + "Member must have value greater than or equal to 1",
			"Value 'x' at 'colour" + failed + "Member must satisfy enum value set: [red, blue]"}},
	}
	m := testModel(t)
	for _, c := range cases {
		err := m.Validate("WidgetRequest", c.in)
		if len(c.want) == 0 {
			if err != nil {
				t.Errorf("%+v: %v", c.in, err)
			}
			continue
		}
		noun := "errors"
		if len(c.want) == 1 {
			noun = "error"
		}
		want := "ValidationException: " + string(rune('0'+len(c.want))) + " validation " + noun + " detected: " + strings.Join(c.want, "; ")
		if err == nil || err.Error() != want || ebb.KindOf(err) != ebb.Invalid {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestValidateEchoesLittle(t *testing.T) {
	err := testModel(t).Validate("WidgetRequest", &widgetRequest{Name: new(strings.Repeat("é", 100_000)), Size: new(int32(1))})
	if err == nil || len(err.Error()) > 3*maxEcho || !strings.Contains(err.Error(), "…'") {
		t.Errorf("a wrong value of 200 kB gives a message of %d bytes", len(err.Error()))
	}
}
