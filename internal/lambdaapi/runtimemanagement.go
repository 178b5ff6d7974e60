package lambdaapi

import "github.com/ebb-faas/ebb/internal/ebb"

// updateAuto is the one mode of ebb: a runtime is what the host has, or the image
// that an operator gave it, and functions follow both.
const updateAuto = "Auto"

func (a *API) putRuntimeManagementConfig(c *call, in *PutRuntimeManagementConfigRequest) (*PutRuntimeManagementConfigResponse, error) {
	arn, err := a.managedARN(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	switch {
	case deref(in.UpdateRuntimeOn) != updateAuto:
		return nil, ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented,
			"UpdateRuntimeOn: a runtime is the host's, or an image that an operator gave it, and functions follow that (%s); "+
				"to keep a version, give functions a runtime of their own name (ebb runtime add) or a container image", updateAuto)
	case in.RuntimeVersionArn != nil:
		return nil, unsupported("RuntimeVersionArn")
	}
	return &PutRuntimeManagementConfigResponse{UpdateRuntimeOn: new(updateAuto), FunctionArn: &arn}, nil
}

func (a *API) getRuntimeManagementConfig(c *call, in *GetRuntimeManagementConfigRequest) (*GetRuntimeManagementConfigResponse, error) {
	arn, err := a.managedARN(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &GetRuntimeManagementConfigResponse{UpdateRuntimeOn: new(updateAuto), FunctionArn: &arn}, nil
}

// managedARN is the ARN of a version, which is there.
func (a *API) managedARN(c *call, name, qualifier *string) (string, error) {
	t, err := c.target(a, name, qualifier)
	if err != nil {
		return "", err
	}
	if _, err := a.functions.Resolve(c, t.FunctionKey, t.Qualifier); err != nil {
		return "", err
	}
	return ebb.FunctionARN(a.cfg.Region, t.FunctionKey, t.Qualifier), nil
}
