package lambdaapi

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// findImage finds every image but one: its content is its name.
func findImage(_ context.Context, uri string) (*artifact.Image, artifact.OpenLayer, error) {
	if uri == "reg.example/none" {
		return nil, nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"Source image %s does not exist. Provide a valid source image.", uri)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	_ = w.WriteHeader(&tar.Header{Name: "uri", Mode: 0o644, Size: int64(len(uri))})
	_, _ = io.WriteString(w, uri)
	_ = w.Close()
	img := &artifact.Image{Digest: imageDigest(uri), Resolved: "reg.example/app@sha256:" + string(imageDigest(uri)),
		Layers: []ebb.Digest{imageDigest(buf.String())}}
	return img, func(context.Context, int) (io.ReadCloser, error) { return io.NopCloser(&buf), nil }, nil
}

func imageDigest(s string) ebb.Digest {
	sum := sha256.Sum256([]byte(s))
	return ebb.Digest(hex.EncodeToString(sum[:]))
}

func TestImageFunctionOnTheWire(t *testing.T) {
	p := newPlatform(t)
	ctx := t.Context()
	made, err := p.sdk().CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: new("img"), Role: new(testRole), PackageType: types.PackageTypeImage,
		Code: &types.FunctionCode{ImageUri: new("reg.example/app:1")},
		ImageConfig: &types.ImageConfig{EntryPoint: []string{"/run"}, Command: []string{"a", "b"},
			WorkingDirectory: new("/srv")},
	})
	must(t, err)
	equal(t, "package type", made.PackageType, types.PackageTypeImage)
	doc := p.raw("GET", "/2015-03-31/functions/img/configuration", "").json(t)
	for _, absent := range []string{"Runtime", "Handler", "RuntimeVersionConfig"} {
		if _, there := doc[absent]; there {
			t.Errorf("%s is told of a function with an image", absent)
		}
	}
	equal(t, "sha", doc["CodeSha256"], any(string(imageDigest("reg.example/app:1"))))
	equal(t, "size", doc["CodeSize"], any(0.0))
	want := map[string]any{"ImageConfig": map[string]any{"EntryPoint": []any{"/run"}, "Command": []any{"a", "b"}, "WorkingDirectory": "/srv"}}
	if d := cmp.Diff(any(want), doc["ImageConfigResponse"]); d != "" {
		t.Error(d)
	}
	got, err := p.sdk().GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: new("img")})
	must(t, err)
	equal(t, "repository", str(got.Code.RepositoryType), "ECR")
	equal(t, "uri", str(got.Code.ImageUri), "reg.example/app:1")
	equal(t, "resolved", str(got.Code.ResolvedImageUri), "reg.example/app@sha256:"+string(imageDigest("reg.example/app:1")))
	equal(t, "location", str(got.Code.Location), "")

	// Another image; the overrides stay until they are replaced.
	changed, err := p.sdk().UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: new("img"), ImageUri: new("reg.example/app:2")})
	must(t, err)
	equal(t, "sha", str(changed.CodeSha256), string(imageDigest("reg.example/app:2")))
	equal(t, "command", len(changed.ImageConfigResponse.ImageConfig.Command), 2)
	version, err := p.sdk().PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: new("img"), CodeSha256: changed.CodeSha256})
	must(t, err)
	equal(t, "version", str(version.Version), "1")
	plain, err := p.sdk().UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: new("img"), ImageConfig: &types.ImageConfig{}})
	must(t, err)
	if plain.ImageConfigResponse != nil {
		t.Errorf("overrides %+v", plain.ImageConfigResponse.ImageConfig)
	}
	old, err := p.sdk().GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: new("img"), Qualifier: new("1")})
	must(t, err)
	equal(t, "old command", len(old.ImageConfigResponse.ImageConfig.Command), 2)
}

func TestImageRefusals(t *testing.T) {
	p := newPlatform(t)
	p.create("zip")
	create := func(more string) *answered {
		return p.raw("POST", "/2015-03-31/functions", `{"FunctionName":"new","Role":"`+testRole+`",`+more+`}`)
	}
	for doc, want := range map[string]string{
		`"PackageType":"Image","Code":{}`:                                                                         "Code.ImageUri: missing",
		`"Code":{"ImageUri":"reg.example/app"}`:                                                                   "PackageType: must be Image",
		`"PackageType":"Image","Code":{"ImageUri":"reg.example/app","ZipFile":"UEs="}`:                            "exclude each other",
		`"PackageType":"Image","Code":{"ImageUri":"reg.example/none"}`:                                            "Source image reg.example/none does not exist",
		`"PackageType":"Image","Code":{"ImageUri":"a"},"Runtime":"` + p.runtime + `"`:                             "Runtime and Handler are not supported",
		`"PackageType":"Image","Code":{"ImageUri":"a"},"Handler":"x.y"`:                                           "Runtime and Handler are not supported",
		`"PackageType":"Image","Code":{"ImageUri":"a"},"ImageConfig":{"WorkingDirectory":"srv"}`:                  "ImageConfig.WorkingDirectory",
		`"PackageType":"Image","Code":{"ImageUri":"a"},"ImageConfig":{"EntryPoint":[""]}`:                         "ImageConfig.EntryPoint",
		`"Runtime":"` + p.runtime + `","Handler":"a.b","Code":{"ZipFile":"UEs="},"ImageConfig":{"Command":["x"]}`: "ImageConfig: only",
	} {
		create(doc).is(t, 400, "InvalidParameterValueException", want)
	}
	p.raw("PUT", "/2015-03-31/functions/zip/code", `{"ImageUri":"reg.example/app"}`).is(t, 400, "InvalidParameterValueException",
		"Please don't provide ImageUri when updating function with packageType Zip.")
	p.raw("PUT", "/2015-03-31/functions/zip/configuration", `{"ImageConfig":{"Command":["x"]}}`).is(t, 400, "InvalidParameterValueException", "ImageConfig: only")
	if res := create(`"PackageType":"Image","Code":{"ImageUri":"reg.example/app"}`); res.StatusCode != 201 {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	p.raw("PUT", "/2015-03-31/functions/new/code", `{"ZipFile":"UEs="}`).is(t, 400, "InvalidParameterValueException", "Please provide ImageUri")
	p.raw("PUT", "/2015-03-31/functions/new/code", `{"ImageUri":"reg.example/none"}`).is(t, 400, "InvalidParameterValueException", "does not exist")
	p.raw("PUT", "/2015-03-31/functions/new/configuration", `{"Handler":"a.b"}`).is(t, 400, "InvalidParameterValueException", "Runtime and Handler are not supported")
	dry := p.raw("PUT", "/2015-03-31/functions/new/code", `{"ImageUri":"reg.example/dry","DryRun":true}`).json(t)
	equal(t, "dry run", dry["CodeSha256"], any(string(imageDigest("reg.example/dry"))))
	equal(t, "after it", p.raw("GET", "/2015-03-31/functions/new/configuration", "").json(t)["CodeSha256"], any(string(imageDigest("reg.example/app"))))
}
