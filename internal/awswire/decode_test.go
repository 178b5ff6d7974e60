package awswire

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func decode(t *testing.T, target, body string, header map[string]string) (*widgetRequest, error) {
	t.Helper()
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	r.SetPathValue("Name", "ab")
	for k, v := range header {
		r.Header.Set(k, v)
	}
	in := new(widgetRequest)
	return in, testModel(t).Decode("WidgetRequest", r, []byte(body), in)
}

func TestDecodeByLocation(t *testing.T) {
	got, err := decode(t, "/widgets/ab?MaxItems=7&keys=x&keys=y%20z",
		` {"Size": 3, "Parts": [], "Labels": {"a":"b"}, "Box": {"Weight": 2}, "Boxes": [{"Weight": 1}], "Bytes": "aGk=", "At": 1.5} `,
		map[string]string{"X-Loud": "true"})
	if err != nil {
		t.Fatal(err)
	}
	want := &widgetRequest{
		Name: new("ab"), Size: new(int32(3)), Parts: []string{}, Labels: map[string]string{"a": "b"},
		Box: &widgetBox{Weight: new(2.0)}, Boxes: []widgetBox{{Weight: new(1.0)}}, Bytes: []byte("hi"),
		Limit: new(int32(7)), Keys: []string{"x", "y z"}, Loud: new(true),
		At: &Epoch{time.UnixMilli(1500).UTC()},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ target, body, want string }{
		{"/", `{"Size": 3`, "InvalidRequestContentException: Could not parse request body into json: unexpected end of JSON input"},
		{"/", `{"Size": 3} x`, "InvalidRequestContentException: Could not parse request body into json: invalid character 'x' after top-level value"},
		{"/", `[1]`, "SerializationException: request body: ARRAY_VALUE can not be converted to a Structure"},
		{"/", `{"Size": "3"}`, "SerializationException: Size: STRING_VALUE can not be converted to an Integer"},
		{"/", `{"Size": 3.5}`, "SerializationException: Size: NUMBER_VALUE can not be converted to an Integer"},
		{"/", `{"Size": 1, "Box": {"Weight": true}}`, "SerializationException: Box.Weight: BOOL_VALUE can not be converted to a Double"},
		{"/", `{"Size": 1, "Parts": "a"}`, "SerializationException: Parts: STRING_VALUE can not be converted to a List"},
		{"/", `{"Size": 1, "Labels": []}`, "SerializationException: Labels: ARRAY_VALUE can not be converted to a Map"},
		{"/", `{"Size": 1, "Bytes": "a?"}`, "SerializationException: a member that holds bytes is not base64: wrong at byte 1 of it"},
		{"/", `{"Size": 1, "Colr": "red"}`, "InvalidParameterValueException: Colr: this member is not known here; leave it out"},
		{"/", `{"Size": 1, "Box": {"Weight": 1, "Wide": 2}}`, "InvalidParameterValueException: Box.Wide: this member is not known here; leave it out"},
		{"/", `{"Size": 1, "Boxes": [{"Weight": 1}, {"Tall": 2}]}`, "InvalidParameterValueException: Boxes.1.Tall: this member is not known here; leave it out"},
		{"/", `{"Size": 1, "Loud": true}`, "InvalidParameterValueException: Loud: this member is not known here; leave it out"},
		{"/?MaxItems=ten", `{"Size": 1}`, `SerializationException: Limit: "ten" is not an Integer`},
		{"/?MaxItems=99999", `{"Size": 1}`, "ValidationException: 1 validation error detected: Value '99999' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10240"},
		{"/", ``, "ValidationException: 1 validation error detected: Value null at 'size' failed to satisfy constraint: Member must not be null"},
		{"/", `null`, "ValidationException: 1 validation error detected: Value null at 'size' failed to satisfy constraint: Member must not be null"},
	} {
		if _, err := decode(t, c.target, c.body, nil); err == nil || err.Error() != c.want {
			t.Errorf("%s %s\n got %v\nwant %s", c.target, c.body, err, c.want)
		}
	}
}

// A member given in other capitals is known too, as to encoding/json.
func TestDecodeLettersCase(t *testing.T) {
	if in, err := decode(t, "/", `{"size": 4}`, nil); err != nil || *in.Size != 4 {
		t.Errorf("got %v, %v", in.Size, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"Size": 1, "Boxes": [{"Weight": 1}], "Labels": {"a": "b"}}`))
	f.Add([]byte(`{"Size": {}, "Box": [null]}`))
	m, err := Compile(testService())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/", nil)
		r.SetPathValue("Name", "ab")
		in := new(widgetRequest)
		if m.Decode("WidgetRequest", r, body, in) == nil && (in.Size == nil || *in.Size < 1) {
			t.Errorf("accepted %q without the size it must have", body)
		}
	})
}
