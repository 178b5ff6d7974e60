package awswire

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRoutes(t *testing.T) {
	routes := NewRoutes(testModel(t), func(op *Operation) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(op.Name + " " + r.PathValue("Name")))
		}
	})
	for _, c := range []struct{ method, target, want string }{
		{"GET", "/widgets", "ListWidgets "},
		{"GET", "/widgets/", "ListWidgets "},
		{"GET", "/widgets?find=Best", "FindWidget "},
		{"GET", "/widgets?find=Worst", "ListWidgets "},
		{"POST", "/widgets/arn%3Aaws%3Ax%2Fy", "MakeWidget arn:aws:x/y"},
		{"POST", "/widgets/a/", "MakeWidget a"},
		{"DELETE", "/widgets/arn:aws:x", "DropWidget arn:aws:x"},
		{"GET", "/only?find=Best", "OnlyFound "},
		{"GET", "/only", `{"Type":"User","message":"Unknown operation: GET /only"}`},
		{"PUT", "/widgets/a", `{"Type":"User","message":"Unknown operation: PUT /widgets/a"}`},
		{"GET", "/", `{"Type":"User","message":"Unknown operation: GET /"}`},
		{"GET", "/nothing", `{"Type":"User","message":"Unknown operation: GET /nothing"}`},
		{"POST", "/widgets//x", `{"Type":"User","message":"Unknown operation: POST /widgets//x"}`},
		{"GET", "/x/../widgets", `{"Type":"User","message":"Unknown operation: GET /x/../widgets"}`},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(c.method, c.target, nil)
		routes.ServeHTTP(w, r)
		if w.Body.String() != c.want {
			t.Errorf("%s %s: got %d %s, want %s", c.method, c.target, w.Code, w.Body, c.want)
		}
		if c.want[0] == '{' && (w.Code != 404 || w.Header().Get("X-Amzn-ErrorType") != "UnknownOperationException") {
			t.Errorf("%s %s: got %d %v", c.method, c.target, w.Code, w.Header())
		}
	}
	for target, want := range map[string]string{"/widgets/a": "MakeWidget", "/elsewhere": "unknown"} {
		if got := routes.Name(httptest.NewRequest("POST", target, nil)); got != want {
			t.Errorf("%s is named %s, want %s", target, got, want)
		}
	}
}
