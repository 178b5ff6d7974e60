package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/test/platform"
)

// TestMetrics: a scraper with the token sees what happened, one without does not.
func TestMetrics(t *testing.T) {
	f := platform.Function{Name: name(t), Runtime: "python3", Handler: "app.handler",
		Files: map[string]string{"app.py": "def handler(event, context):\n    if event: raise ValueError('no')\n    return 1\n"}}
	if err := shared.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{"{}", "{}", `{"fail": true}`} {
		if _, _, err := shared.Invoke(t.Context(), f.Name, payload); err != nil {
			t.Fatal(err)
		}
	}
	status, text := scrape(t, shared.Client.Config().Token)
	if status != http.StatusOK {
		t.Fatalf("%d: %s", status, text)
	}
	for _, want := range []string{
		`ebb_invocations_total{function="` + f.Name + `",outcome="ok",service="000000000000",version="$LATEST"} 2`,
		`ebb_invocations_total{function="` + f.Name + `",outcome="error",service="000000000000",version="$LATEST"} 1`,
		`ebb_start_seconds_count{phase="init",runtime="python3"}`, `ebb_instances{state="spare"}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if status, text := scrape(t, "wrong"); status != http.StatusForbidden || strings.Contains(text, f.Name) {
		t.Errorf("with a wrong token: %d: %s", status, text)
	}
}

func scrapeOf(t *testing.T, p *platform.Platform) (int, string) {
	t.Helper()
	return scrapeAt(t, p.API, p.Client.Config().Token)
}

func scrape(t *testing.T, token string) (int, string) {
	t.Helper()
	return scrapeAt(t, shared.API, token)
}

func scrapeAt(t *testing.T, api, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
