package awswire

import "testing"

// The tests' own little service: one operation of each kind, written as the
// generator writes it.

type widgetRequest struct {
	Name   *string           `json:"-"`
	Size   *int32            `json:",omitzero"`
	Colour *string           `json:",omitzero"`
	Parts  []string          `json:",omitzero"`
	Labels map[string]string `json:",omitzero"`
	Secret *string           `json:",omitzero"`
	Box    *widgetBox        `json:",omitzero"`
	Boxes  []widgetBox       `json:",omitzero"`
	Bytes  []byte            `json:",omitzero"`
	Limit  *int32            `json:"-"`
	Keys   []string          `json:"-"`
	Loud   *bool             `json:"-"`
	At     *Epoch            `json:",omitzero"`
}

type widgetBox struct {
	Weight *float64 `json:",omitzero"`
}

type widgetAnswer struct {
	Name  *string  `json:",omitzero"`
	List  []string `json:",omitzero"`
	Trace *string  `json:"-"`
	Code  *int32   `json:"-"`
}

func testService() *Service {
	return &Service{
		Name: "widgets",
		Operations: []Operation{
			{Name: "MakeWidget", Method: "POST", Path: "/widgets/{Name}", Code: 201, Input: "WidgetRequest", Output: "WidgetAnswer"},
			{Name: "ListWidgets", Method: "GET", Path: "/widgets", Code: 200, Output: "Plain"},
			{Name: "FindWidget", Method: "GET", Path: "/widgets?find=Best", Code: 200, Output: "Plain"},
			{Name: "DropWidget", Method: "DELETE", Path: "/widgets/{Name}", Code: 204, Input: "WidgetRequest"},
			{Name: "OnlyFound", Method: "GET", Path: "/only?find=Best", Code: 200},
		},
		Shapes: map[string]Shape{
			"WidgetRequest": {Fields: []Field{
				{Name: "Name", Wire: "Name", Loc: URI, Required: true, Shape: "Name"},
				{Name: "Size", Required: true, Shape: "Size"},
				{Name: "Colour", Shape: "Colour"},
				{Name: "Parts", Shape: "Parts"},
				{Name: "Labels", Shape: "Labels"},
				{Name: "Secret", Shape: "Secret"},
				{Name: "Box", Shape: "Box"},
				{Name: "Boxes", Shape: "Boxes"},
				{Name: "Bytes"},
				{Name: "Limit", Wire: "MaxItems", Loc: Query, Shape: "Size"},
				{Name: "Keys", Wire: "keys", Loc: Query},
				{Name: "Loud", Wire: "X-Loud", Loc: Header},
				{Name: "At"},
			}},
			"Box":    {Fields: []Field{{Name: "Weight", Required: true, Shape: "Weight"}}},
			"Boxes":  {Elem: "Box", Max: new(2.0)},
			"Weight": {Min: new(0.5)},
			"Name":   {Min: new(1.0), Max: new(8.0), Pattern: `(?!^\d+$)[a-z0-9]+`, RE: `[a-z0-9]+`, Not: `\d+`},
			"Size":   {Min: new(1.0), Max: new(10240.0)},
			"Colour": {Enum: []string{"red", "blue"}},
			"Parts":  {Elem: "Part", Max: new(2.0)},
			"Part":   {Max: new(3.0), Min: new(0.0), Pattern: `.*`},
			"Labels": {Key: "Label"},
			"Label":  {Pattern: `[a-z]+`},
			"Secret": {Max: new(3.0), Sensitive: true},
			"WidgetAnswer": {Fields: []Field{
				{Name: "Name"}, {Name: "List"},
				{Name: "Trace", Wire: "X-Trace", Loc: Header}, {Name: "Code", Loc: Status},
			}},
		},
		Errors: map[string]ErrorShape{
			"ResourceNotFoundException":      {Status: 404},
			"InvalidParameterValueException": {Status: 400, Lower: true},
			"TooManyRequestsException":       {Status: 429, Lower: true},
			"InvalidRuntimeException":        {Status: 502},
		},
	}
}

func testModel(t *testing.T) *Model {
	t.Helper()
	m, err := Compile(testService())
	if err != nil {
		t.Fatal(err)
	}
	return m
}
