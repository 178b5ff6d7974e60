package main

import (
	"context"
	"errors"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/manifest"
)

// url makes a function's address what the manifest says, and notes it in r.
func (d *deployment) url(ctx context.Context, f *manifest.Function, r *deployed) error {
	if r.Action == actionCreated && d.opt.dryRun {
		return nil
	}
	have, err := findURL(ctx, d.lambda, f.Name)
	if err != nil {
		return err
	}
	if have != nil {
		r.URL = aws.ToString(have.FunctionUrl)
	}
	want := f.URL
	if want == nil {
		return nil
	}
	opened, err := openURL(ctx, d.lambda, f.Name, want, d.opt.dryRun)
	if err != nil {
		return err
	}
	asWanted := !want.Enabled && have == nil || have != nil && want.Enabled && sameURL(want, have)
	if opened || !asWanted {
		r.Changed = append(r.Changed, "url")
	}
	if asWanted || d.opt.dryRun {
		return nil
	}
	switch {
	case !want.Enabled:
		r.URL = ""
		_, err = d.lambda.DeleteFunctionUrlConfig(ctx, &lambda.DeleteFunctionUrlConfigInput{FunctionName: &f.Name})
		return err
	case have == nil:
		out, err := d.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{
			FunctionName: &f.Name, AuthType: types.FunctionUrlAuthType(want.Auth),
			InvokeMode: types.InvokeMode(want.Mode), Cors: wireCORS(want.CORS),
		})
		if err != nil {
			return err
		}
		r.URL = aws.ToString(out.FunctionUrl)
		return nil
	}
	in := &lambda.UpdateFunctionUrlConfigInput{
		FunctionName: &f.Name, AuthType: types.FunctionUrlAuthType(want.Auth),
		InvokeMode: types.InvokeMode(want.Mode), Cors: wireCORS(want.CORS),
	}
	if in.Cors == nil {
		in.Cors = &types.Cors{} // nil would mean: leave it
	}
	_, err = d.lambda.UpdateFunctionUrlConfig(ctx, in)
	return err
}

// findURL returns a function's URL, or nil if it has none.
func findURL(ctx context.Context, c *lambda.Client, name string) (*lambda.GetFunctionUrlConfigOutput, error) {
	have, err := c.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: &name})
	if _, none := errors.AsType[*types.ResourceNotFoundException](err); none {
		return nil, nil
	}
	return have, err
}

// sameURL reports whether a URL is as the manifest wants it.
func sameURL(want *manifest.URL, have *lambda.GetFunctionUrlConfigOutput) bool {
	mode := have.InvokeMode
	if mode == "" {
		mode = ebb.InvokeModeBuffered
	}
	return string(have.AuthType) == want.Auth && string(mode) == want.Mode &&
		reflect.DeepEqual(plainCORS(have.Cors), plainCORS(wireCORS(want.CORS)))
}

// wireCORS spells CORS as the Lambda API does.
func wireCORS(c *ebb.CORS) *types.Cors {
	if c == nil {
		return nil
	}
	return &types.Cors{
		AllowCredentials: aws.Bool(c.AllowCredentials), MaxAge: aws.Int32(int32(c.MaxAge)),
		AllowHeaders: c.AllowHeaders, AllowMethods: c.AllowMethods,
		AllowOrigins: c.AllowOrigins, ExposeHeaders: c.ExposeHeaders,
	}
}

// plainCORS is CORS in a form in which absent and empty are equal.
func plainCORS(c *types.Cors) ebb.CORS {
	if c == nil {
		return ebb.CORS{}
	}
	list := func(l []string) []string {
		if len(l) == 0 {
			return nil
		}
		return l
	}
	return ebb.CORS{
		AllowCredentials: aws.ToBool(c.AllowCredentials), MaxAge: int(aws.ToInt32(c.MaxAge)),
		AllowHeaders: list(c.AllowHeaders), AllowMethods: list(c.AllowMethods),
		AllowOrigins: list(c.AllowOrigins), ExposeHeaders: list(c.ExposeHeaders),
	}
}
