package function_test

import (
	"context"
	"testing"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func TestWebFunction(t *testing.T) {
	f := open(t, function.Config{})
	c := f.create("site")
	c.Handler, c.Env = "serve --port $PORT .", map[string]string{"AWS_LWA_PORT": "8080", "EBB_INSTANCE_CONCURRENCY": "32"}
	v := must2(f.Create(t.Context(), c))(t)
	same(t, [2]int{v.WebPort(), v.Concurrency()}, [2]int{8080, 32})
	// Without the port it is a usual function, which that is no handler of.
	_, err := f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("site"), Env: map[string]string{}})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Handler: ")
	plain := "app.handler"
	v = must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("site"), Handler: &plain, Env: map[string]string{"EBB_INSTANCE_CONCURRENCY": "32"}}))(t)
	same(t, v.Concurrency(), 32)
}

func TestWebFunctionRefuses(t *testing.T) {
	f := open(t, function.Config{})
	for _, c := range []struct{ name, value, names string }{
		{"AWS_LWA_PORT", "http", "AWS_LWA_PORT: "}, {"AWS_LWA_PORT", "0", "AWS_LWA_PORT: "}, {"AWS_LWA_PORT", "70000", "AWS_LWA_PORT: "},
		{"AWS_LWA_PORT", "9001", "the platform's own"},
		{"AWS_LWA_PASS_THROUGH_PATH", "events", "AWS_LWA_PASS_THROUGH_PATH: "},
		{"EBB_INSTANCE_CONCURRENCY", "many", "EBB_INSTANCE_CONCURRENCY: "}, {"EBB_INSTANCE_CONCURRENCY", "0", "EBB_INSTANCE_CONCURRENCY: "},
		{"EBB_INSTANCE_CONCURRENCY", "1001", "from 1 to 1000"},
	} {
		create := f.create("f")
		create.Env = map[string]string{c.name: c.value}
		_, err := f.Create(t.Context(), create)
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, c.names)
	}
	for _, handler := range []string{"", " ", "a\nb"} {
		create := f.create("f")
		create.Handler, create.Env = handler, map[string]string{"AWS_LWA_PORT": "8080"}
		_, err := f.Create(t.Context(), create)
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Handler: ")
	}
}

func TestImageSaysThatItIsAWebFunction(t *testing.T) {
	find := func(ctx context.Context, uri string) (*artifact.Image, artifact.OpenLayer, error) {
		img, layer, err := registry{"app": "one", "bad": "two"}.find(ctx, uri)
		img.Config.Env = []string{"PATH=/bin", "AWS_LWA_PORT=7000", "EBB_INSTANCE_CONCURRENCY=4"}
		if uri == "bad" {
			img.Config.Env = []string{"AWS_LWA_PORT=9002"}
		}
		return img, layer, err
	}
	f := open(t, function.Config{Images: find})
	v := must2(f.Create(t.Context(), function.Create{FunctionKey: key("f"), Role: role, ImageURI: "app"}))(t)
	v = must2(f.Resolve(t.Context(), v.FunctionKey, ""))(t)
	same(t, [2]int{v.WebPort(), v.Concurrency()}, [2]int{7000, 4})
	_, err := f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), ImageURI: "bad"})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "the platform's own")
}
