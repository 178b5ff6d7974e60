package awswire

import (
	"net/http/httptest"
	"testing"
)

func TestEncode(t *testing.T) {
	m := testModel(t)
	op := &m.svc.Operations[0]
	w := httptest.NewRecorder()
	if err := m.Encode(w, op, &widgetAnswer{Name: new("<a&b>"), List: []string{}, Trace: new("t")}); err != nil {
		t.Fatal(err)
	}
	// An empty list is there, an absent member is not; both differ for SDKs.
	if got := w.Body.String(); w.Code != 201 || got != `{"Name":"<a&b>","List":[]}` || w.Header().Get("X-Trace") != "t" {
		t.Errorf("got %d %s %v", w.Code, got, w.Header())
	}
	if w.Header().Get("Content-Length") != "26" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got headers %v", w.Header())
	}

	w = httptest.NewRecorder()
	if err := m.Encode(w, op, &widgetAnswer{Code: new(int32(202))}); err != nil || w.Code != 202 || w.Body.String() != "{}" {
		t.Errorf("got %d %s, %v", w.Code, w.Body, err)
	}
	w = httptest.NewRecorder()
	if err := m.Encode(w, &m.svc.Operations[3], nil); err != nil || w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("got %d %q, %v", w.Code, w.Body, err)
	}
	w = httptest.NewRecorder()
	plain := &struct{ Items []string }{[]string{"x"}}
	if err := m.Encode(w, &m.svc.Operations[1], plain); err != nil || w.Code != 200 || w.Body.String() != `{"Items":["x"]}` {
		t.Errorf("got %d %s, %v", w.Code, w.Body, err)
	}
}
