package function_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

const otherService ebb.ServiceID = "111111111111"

func layerKey(name string) ebb.LayerKey {
	return ebb.LayerKey{Service: ebb.DefaultService, Name: name}
}

func (f *fixture) layer(name, content string) *ebb.LayerVersion {
	f.t.Helper()
	return must2(f.PublishLayer(f.t.Context(), function.PublishLayer{LayerKey: layerKey(name), Zip: zipped(content)}))(f.t)
}

func layerARN(l *ebb.LayerVersion) string { return ebb.LayerARN("us-east-1", l.LayerKey, l.Number) }

// A version keeps its layers, and the platform their content, when the layer
// version is gone.
func TestLayersOutliveTheirDeletion(t *testing.T) {
	f := open(t, function.Config{})
	l := f.layer("l", "shared")
	c := f.create("f")
	c.Layers = []string{layerARN(l)}
	v := must2(f.Functions.Create(t.Context(), c))(t)
	same(t, v.Layers, []ebb.Layer{{ARN: layerARN(l), Code: l.Code}})
	if err := f.DeleteLayerVersion(t.Context(), l.LayerKey, l.Number); err != nil {
		t.Fatal(err)
	}
	same(t, must2(f.Resolve(t.Context(), key("f"), ""))(t).Layers, v.Layers)
	if used := must2(f.Digests(t.Context()))(t); !used[l.Code.Digest] {
		t.Error("the content of a layer in use may be collected")
	}
	published := must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f")}))(t)
	same(t, published.Layers, v.Layers)
	_, err := f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Layers: c.Layers})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "does not exist.")
	v = must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Layers: []string{}}))(t)
	same(t, len(v.Layers), 0)
	next := must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f")}))(t)
	same(t, next.Number, published.Number+1)
	for _, q := range []string{"1", ""} {
		if err := f.Delete(t.Context(), key("f"), q); err != nil {
			t.Fatal(err)
		}
	}
	if used := must2(f.Digests(t.Context()))(t); used[l.Code.Digest] {
		t.Error("the content of a layer that nobody has is kept")
	}
	same(t, f.layer("l", "again").Number, int64(2))
}

func TestLayerRefusals(t *testing.T) {
	f := open(t, function.Config{})
	one, two := f.layer("l", "1"), f.layer("l", "2")
	many := make([]string, 6)
	for i := range many {
		many[i] = layerARN(f.layer("m"+string(rune('a'+i)), "x"))
	}
	must2(f.CreateService(t.Context(), function.ServiceChange{ID: otherService, Name: new("other")}))(t)
	foreign := must2(f.PublishLayer(t.Context(), function.PublishLayer{
		LayerKey: ebb.LayerKey{Service: otherService, Name: "theirs"}, Zip: zipped("theirs")}))(t)
	f.mustCreate("f")
	f.told()
	for _, c := range []struct {
		layers  []string
		kind    ebb.Kind
		message string
	}{
		{many, ebb.Invalid, "Cannot reference more than 5 layers."},
		{[]string{layerARN(one), layerARN(two)}, ebb.Invalid, "Two different versions of the same layer"},
		{[]string{ebb.LayerARN("us-east-1", layerKey("l"), 9)}, ebb.Invalid, "does not exist."},
		{[]string{ebb.LayerARN("us-east-1", layerKey("l"), 0)}, ebb.Invalid, "is not the ARN of a layer version"},
		{[]string{ebb.LayerARN("eu-west-1", layerKey("l"), 1)}, ebb.Invalid, "not reachable in this region"},
		{[]string{"l"}, ebb.Invalid, "is not the ARN of a layer version"},
		{[]string{layerARN(foreign)}, ebb.Forbidden, "lambda:GetLayerVersion on resource: " + layerARN(foreign)},
	} {
		_, err := f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Layers: c.layers})
		if ebb.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%v: %v", c.layers, err)
		}
	}
	same(t, f.told(), []string(nil))
	// Their policy opens it to one service, and to nobody else.
	for _, principal := range []ebb.ServiceID{"222222222222", ebb.DefaultService} {
		_, _, err := f.AddLayerPermission(t.Context(), foreign.LayerKey, 1,
			ebb.Permission{ID: string(principal), Action: function.ActionGetLayerVersion, Principal: string(principal)}, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Layers: []string{layerARN(foreign)}})
		if (err == nil) != (principal == ebb.DefaultService) {
			t.Errorf("opened to %s: %v", principal, err)
		}
	}

	off := open(t, function.Config{NoLayers: "this host has none"})
	l := off.layer("l", "x")
	off.mustCreate("f")
	_, err := off.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Layers: []string{layerARN(l)}})
	refused(t, err, ebb.Unavailable, ebb.TypeSandboxUnavailable, "this host has none")
}

// The limit is on what a function has in its instance, wherever it comes from.
func TestCodeAndLayersTogether(t *testing.T) {
	const limit = 1000
	f := openWith(t, function.Config{}, artifact.Config{MaxUnpacked: limit})
	f.mustCreate("f")
	code := must2(f.packages.Unpacked(t.Context(), must2(f.Resolve(t.Context(), key("f"), ""))(t).Code.Digest))(t)
	fits, big := f.layer("l", strings.Repeat("x", int(limit-code))), f.layer("l", strings.Repeat("x", int(limit-code+1)))
	set := func(l *ebb.LayerVersion) error {
		_, err := f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Layers: []string{layerARN(l)}})
		return err
	}
	refused(t, set(big), ebb.Invalid, ebb.TypeInvalidParameterValue,
		"Function code combined with layers exceeds the maximum allowed size of 1000 bytes. The actual size is 1001 bytes.")
	if err := set(fits); err != nil {
		t.Error(err)
	}
	_, err := f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: zipped(strings.Repeat("y", int(code)+1))})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Function code combined with layers exceeds")
}

func TestLayerPages(t *testing.T) {
	f := open(t, function.Config{})
	for _, name := range []string{"b", "a", "c"} {
		f.layer(name, name)
	}
	f.layer("a", "second")
	pages := walk(t, func(marker string) ([]*ebb.LayerVersion, string, error) {
		return f.ListLayers(t.Context(), ebb.DefaultService, function.LayerFilter{}, marker, 2)
	})
	var names []string
	for _, l := range flat(pages) {
		names = append(names, layerARN(l)[len("arn:aws:lambda:us-east-1:000000000000:layer:"):])
	}
	same(t, names, []string{"a:2", "b:1", "c:1"})
	numbers := walk(t, func(marker string) ([]*ebb.LayerVersion, string, error) {
		return f.ListLayerVersions(t.Context(), layerKey("a"), function.LayerFilter{}, marker, 1)
	})
	same(t, []int64{numbers[0][0].Number, numbers[1][0].Number}, []int64{2, 1})
}

func TestPackageFromAnObjectStore(t *testing.T) {
	content := zipped("stored")
	f := open(t, function.Config{Objects: func(_ context.Context, _ ebb.ServiceID, bucket, key, version string) (io.ReadCloser, error) {
		if bucket != "b" || key != "k" || version != "7" {
			return nil, errors.New("wrong object: " + bucket + key + version)
		}
		return io.NopCloser(bytes.NewReader(content)), nil
	}})
	from := &function.Object{Bucket: "b", Key: "k", Version: "7"}
	c := f.create("f")
	c.Zip, c.Object = nil, from
	v := must2(f.Functions.Create(t.Context(), c))(t)
	same(t, v.Code.Size, int64(len(content)))
	same(t, must2(f.PublishLayer(t.Context(), function.PublishLayer{LayerKey: layerKey("l"), Object: from}))(t).Code, v.Code)
	f.mustCreate("g")
	same(t, must2(f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("g"), Object: from, DryRun: true}))(t).Code, v.Code)
	same(t, must2(f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("g"), Object: from}))(t).Code, v.Code)
	_, err := f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("g"), Object: from, Zip: content})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "ZipFile: ")

	none := open(t, function.Config{})
	c = none.create("f")
	c.Zip, c.Object = nil, from
	_, err = none.Functions.Create(t.Context(), c)
	refused(t, err, ebb.Unimplemented, ebb.TypeNotImplemented, "objects.endpoint")
}
