package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/manifest"
)

// publicStatement is the id of the statement that opens a function URL; AWS's own
// tools call it so.
const publicStatement = "FunctionURLAllowPublicAccess"

// openURL makes a URL public if the manifest says auth: NONE, and takes that away
// again if not. It reports whether something was to be done; with dry only looks.
func openURL(ctx context.Context, api *lambda.Client, name string, want *manifest.URL, dry bool) (changed bool, err error) {
	public := want.Enabled && want.Auth == ebb.URLAuthNone
	is, err := hasStatement(ctx, api, name, publicStatement)
	if err != nil || is == public || dry {
		return err == nil && is != public, err
	}
	if public {
		_, err = api.AddPermission(ctx, &lambda.AddPermissionInput{
			FunctionName: &name, StatementId: aws.String(publicStatement), Action: aws.String("lambda:InvokeFunctionUrl"),
			Principal: aws.String("*"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone})
		return true, err
	}
	_, err = api.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: &name, StatementId: aws.String(publicStatement)})
	return true, err
}

// hasStatement reports whether the policy of a function has a statement of that id.
func hasStatement(ctx context.Context, api *lambda.Client, name, id string) (bool, error) {
	out, err := api.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &name})
	if _, none := errors.AsType[*types.ResourceNotFoundException](err); none {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var doc struct{ Statement []struct{ Sid string } }
	if err := json.Unmarshal([]byte(aws.ToString(out.Policy)), &doc); err != nil {
		return false, err
	}
	for _, s := range doc.Statement {
		if s.Sid == id {
			return true, nil
		}
	}
	return false, nil
}
