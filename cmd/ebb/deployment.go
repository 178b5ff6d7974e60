package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/manifest"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// deployment carries functions of manifests to the platform.
type deployment struct {
	client  *client.Client
	lambda  *lambda.Client
	service ebb.ServiceID
	making  bool // a dry run would make the service
	opt     deployOptions
	key     ed25519.PrivateKey // to sign packages with, or nil
	show    *progress
	built   map[string]bool // build commands that ran, by folder and command
	// published has the layers of the manifests so far, by name; "" is one that a
	// dry run would publish.
	published map[string]string
}

// settleTime bounds how long deploy waits for a platform that changes functions
// in the background.
const settleTime = 5 * time.Minute

// function creates or updates one function.
func (d *deployment) function(ctx context.Context, m *manifest.Manifest, f *manifest.Function) (*deployed, error) {
	p, err := d.pack(ctx, m, f)
	if err != nil {
		return nil, err
	}
	r := &deployed{
		Function: f.Name, Action: actionUnchanged, Changed: []string{},
		CodeSHA256: p.sha256, CodeSize: len(p.zip), DryRun: d.opt.dryRun,
	}
	if d.making {
		r.Action = actionCreated
		return r, nil
	}
	layers, err := d.layerARNs(ctx, f)
	if err != nil {
		return nil, err
	}
	live, err := d.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &f.Name})
	switch _, missing := errors.AsType[*types.ResourceNotFoundException](err); {
	case missing:
		r.Action = actionCreated
		err = d.create(ctx, f, p, layers, r)
	case err == nil:
		r.ARN = aws.ToString(live.Configuration.FunctionArn)
		err = d.update(ctx, f, p, layers, live, r)
	}
	if err != nil {
		return nil, err
	}
	if err := d.url(ctx, f, r); err != nil {
		return nil, err
	}
	if len(r.Changed) > 0 && r.Action == actionUnchanged {
		r.Action = actionUpdated
	}
	if err := d.publish(ctx, f, p, r); err != nil {
		return nil, err
	}
	d.show.line("%s: %s", f.Name, r.text())
	return r, nil
}

// publish makes a version if one is asked for, or if an alias is to lead to it,
// and makes the aliases what the manifest says.
func (d *deployment) publish(ctx context.Context, f *manifest.Function, p *codePackage, r *deployed) error {
	named := slices.ContainsFunc(f.Aliases, func(a manifest.Alias) bool { return a.Version == manifest.VersionPublished })
	if (d.opt.publish || named) && !d.opt.dryRun {
		out, err := d.lambda.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: &f.Name, CodeSha256: &p.sha256})
		if err != nil {
			return err
		}
		r.Version = aws.ToString(out.Version)
	}
	changed := false
	for _, want := range f.Aliases {
		if d.opt.dryRun && (r.Action == actionCreated || want.Version == manifest.VersionPublished) {
			continue // where it would lead is not known yet
		}
		if want.Version == manifest.VersionPublished {
			want.Version = r.Version
		}
		one, err := setAlias(ctx, d.lambda, f.Name, &want, d.opt.dryRun)
		if err != nil {
			return fmt.Errorf("alias %s: %w", want.Name, err)
		}
		changed = changed || one
	}
	if changed && r.Action != actionCreated {
		r.Changed = append(r.Changed, "aliases")
		r.Action = actionUpdated
	}
	return nil
}

// upload runs a request that carries a package, showing how far it has come.
func (d *deployment) upload(ctx context.Context, f *manifest.Function, p *codePackage, send func(context.Context) error) error {
	if p.image != "" {
		d.show.line("%s: the platform fetches %s", f.Name, p.image)
		return send(ctx)
	}
	s := d.show.step(f.Name+": uploading", int64(len(p.zip)+2)/3*4) // as base64
	defer s.end()
	return send(watchUpload(ctx, s.add))
}

// create makes a function that is not there yet.
func (d *deployment) create(ctx context.Context, f *manifest.Function, p *codePackage, layers []string, r *deployed) error {
	if d.opt.dryRun {
		return nil
	}
	in := &lambda.CreateFunctionInput{
		FunctionName: &f.Name, Runtime: types.Runtime(f.Runtime), Role: aws.String(f.RoleARN(d.service)),
		Code: &types.FunctionCode{ZipFile: p.zip}, Description: &f.Description,
		MemorySize: aws.Int32(int32(f.MemoryMB)), Timeout: aws.Int32(int32(f.TimeoutS)),
		EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(int32(f.TmpMB))},
		LoggingConfig:    &types.LoggingConfig{LogFormat: types.LogFormat(f.LogFormat)},
		Environment:      &types.Environment{Variables: f.Env}, Tags: f.Tags, Layers: layers,
	}
	if f.Handler != "" {
		in.Handler = &f.Handler
	}
	if f.Image != nil {
		in.PackageType, in.ImageConfig = types.PackageTypeImage, imageConfig(f.Image)
		in.Code = &types.FunctionCode{ImageUri: &p.image}
	}
	if f.Architecture != "" {
		in.Architectures = []types.Architecture{types.Architecture(f.Architecture)}
	}
	return d.upload(ctx, f, p, func(ctx context.Context) error {
		out, err := d.lambda.CreateFunction(ctx, in)
		if err != nil {
			return err
		}
		r.ARN = aws.ToString(out.FunctionArn)
		p.sha256, r.CodeSHA256 = aws.ToString(out.CodeSha256), aws.ToString(out.CodeSha256)
		return d.settle(ctx, f.Name, out.State == types.StatePending, false)
	})
}

// update changes what differs: code, then settings, then tags. Each step is
// tied to the revision before it, so that two deploys at once do not mix.
func (d *deployment) update(ctx context.Context, f *manifest.Function, p *codePackage, layers []string, live *lambda.GetFunctionOutput, r *deployed) error {
	have := live.Configuration
	if err := d.resolve(ctx, f, p, have); err != nil {
		return err
	}
	r.CodeSHA256 = p.sha256
	code := aws.ToString(have.CodeSha256) != p.sha256
	moved := f.Architecture != "" && !slices.Contains(have.Architectures, types.Architecture(f.Architecture))
	if code {
		r.Changed = append(r.Changed, "code")
	}
	if moved {
		r.Changed = append(r.Changed, "architecture")
	}
	settings := differences(f, have, f.RoleARN(d.service))
	if layersDiffer(layers, have.Layers) {
		settings = append(settings, "layers")
	}
	r.Changed = append(r.Changed, settings...)
	if !maps.Equal(f.Tags, live.Tags) {
		r.Changed = append(r.Changed, "tags")
	}
	if d.opt.dryRun {
		return nil
	}
	revision := have.RevisionId
	if code || moved {
		in := &lambda.UpdateFunctionCodeInput{FunctionName: &f.Name, ZipFile: p.zip, RevisionId: revision}
		if p.image != "" {
			in.ImageUri = &p.image
		}
		if moved {
			in.Architectures = []types.Architecture{types.Architecture(f.Architecture)}
		}
		err := d.upload(ctx, f, p, func(ctx context.Context) error {
			out, err := d.lambda.UpdateFunctionCode(ctx, in)
			if err != nil {
				return err
			}
			revision = out.RevisionId
			return d.settle(ctx, f.Name, false, out.LastUpdateStatus == types.LastUpdateStatusInProgress)
		})
		if err != nil {
			return err
		}
	}
	if len(settings) > 0 {
		if err := d.configure(ctx, f, layers, revision); err != nil {
			return err
		}
	}
	return d.tag(ctx, f, have.FunctionArn, live.Tags)
}

// configure sets all settings as the manifest has them.
func (d *deployment) configure(ctx context.Context, f *manifest.Function, layers []string, revision *string) error {
	in := &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &f.Name, RevisionId: revision, Runtime: types.Runtime(f.Runtime),
		Role: aws.String(f.RoleARN(d.service)), Description: &f.Description,
		MemorySize: aws.Int32(int32(f.MemoryMB)), Timeout: aws.Int32(int32(f.TimeoutS)),
		EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(int32(f.TmpMB))},
		LoggingConfig:    &types.LoggingConfig{LogFormat: types.LogFormat(f.LogFormat)},
		Environment:      &types.Environment{Variables: f.Env}, Layers: layers,
	}
	if f.Env == nil {
		in.Environment.Variables = map[string]string{} // nil would mean: leave them
	}
	if f.Handler != "" {
		in.Handler = &f.Handler
	}
	if f.Image != nil {
		in.ImageConfig = imageConfig(f.Image)
	}
	out, err := d.lambda.UpdateFunctionConfiguration(ctx, in)
	if err != nil {
		return err
	}
	return d.settle(ctx, f.Name, false, out.LastUpdateStatus == types.LastUpdateStatusInProgress)
}

// settle waits where the platform answers before it is done.
func (d *deployment) settle(ctx context.Context, name string, pending, updating bool) error {
	in := &lambda.GetFunctionInput{FunctionName: &name}
	if pending {
		return lambda.NewFunctionActiveV2Waiter(d.lambda).Wait(ctx, in, settleTime)
	}
	if updating {
		return lambda.NewFunctionUpdatedV2Waiter(d.lambda).Wait(ctx, in, settleTime)
	}
	return nil
}

// tag sets and removes tags.
func (d *deployment) tag(ctx context.Context, f *manifest.Function, arn *string, have map[string]string) error {
	set, gone := map[string]string{}, []string{}
	for k, v := range f.Tags {
		if old, ok := have[k]; !ok || old != v {
			set[k] = v
		}
	}
	for k := range have {
		if _, ok := f.Tags[k]; !ok {
			gone = append(gone, k)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		if _, err := d.lambda.UntagResource(ctx, &lambda.UntagResourceInput{Resource: arn, TagKeys: gone}); err != nil {
			return err
		}
	}
	if len(set) > 0 {
		if _, err := d.lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: arn, Tags: set}); err != nil {
			return err
		}
	}
	return nil
}

// differences names the settings in which the manifest and the platform differ.
func differences(f *manifest.Function, have *types.FunctionConfiguration, role string) []string {
	var env map[string]string
	if have.Environment != nil {
		env = have.Environment.Variables
	}
	tmp := int32(manifest.DefaultTmpMB)
	if have.EphemeralStorage != nil {
		tmp = aws.ToInt32(have.EphemeralStorage.Size)
	}
	format := types.LogFormat(manifest.LogText)
	if have.LoggingConfig != nil && have.LoggingConfig.LogFormat != "" {
		format = have.LoggingConfig.LogFormat
	}
	var names []string
	for _, d := range []struct {
		key     string
		differs bool
	}{
		{"runtime", string(have.Runtime) != f.Runtime},
		{"handler", f.Handler != "" && aws.ToString(have.Handler) != f.Handler},
		{"role", aws.ToString(have.Role) != role},
		{"description", aws.ToString(have.Description) != f.Description},
		{"memory", aws.ToInt32(have.MemorySize) != int32(f.MemoryMB)},
		{"timeout", aws.ToInt32(have.Timeout) != int32(f.TimeoutS)},
		{"tmp", tmp != int32(f.TmpMB)},
		{"logFormat", string(format) != f.LogFormat},
		{"env", !maps.Equal(env, f.Env)},
		{"image", imageDiffers(f.Image, have.ImageConfigResponse)},
	} {
		if d.differs {
			names = append(names, d.key)
		}
	}
	return names
}
