package lambdaapi

import "github.com/ebb-faas/ebb/internal/ebb"

// Values that say what is the case anyway.
const (
	tracingPassThrough = "PassThrough"
	snapStartNone      = "None"
	perTenant          = "PER_TENANT"
)

// settings are the members that CreateFunction and UpdateFunctionConfiguration
// share and that this version of ebb has no meaning for.
type settings struct {
	vpc       *VpcConfig
	kmsKey    *string
	tracing   *TracingConfig
	snapStart *SnapStart
	logging   *LoggingConfig
	capacity  *CapacityProviderConfig
	durable   *DurableConfig
}

// refuse names the first member that asks for something ebb would not do. What
// only repeats the default passes.
func (s *settings) refuse(t target) error {
	if s.vpc != nil && (len(s.vpc.SubnetIds)+len(s.vpc.SecurityGroupIds) > 0 || deref(s.vpc.Ipv6AllowedForDualStack)) {
		return unsupported("VpcConfig")
	}
	if s.tracing != nil && s.tracing.Mode != nil && *s.tracing.Mode != tracingPassThrough {
		return unsupported("TracingConfig.Mode")
	}
	if s.snapStart != nil && s.snapStart.ApplyOn != nil && *s.snapStart.ApplyOn != snapStartNone {
		return unsupported("SnapStart.ApplyOn")
	}
	for _, m := range []struct {
		name string
		used bool
	}{
		{"KMSKeyArn", deref(s.kmsKey) != ""},
		{"CapacityProviderConfig", s.capacity != nil},
		{"DurableConfig", s.durable != nil},
	} {
		if m.used {
			return unsupported(m.name)
		}
	}
	return refuseLogging(t, s.logging)
}

// refuseLogging refuses to promise what logs do not do: they keep every line,
// in the function's own group.
func refuseLogging(t target, l *LoggingConfig) error {
	switch {
	case l == nil:
	case deref(l.LogGroup) != "" && *l.LogGroup != logGroup(t.Name):
		return unsupported("LoggingConfig.LogGroup")
	case l.ApplicationLogLevel != nil:
		return unsupported("LoggingConfig.ApplicationLogLevel")
	case l.SystemLogLevel != nil:
		return unsupported("LoggingConfig.SystemLogLevel")
	}
	return nil
}

func (a *API) refuseCreate(t target, in *CreateFunctionRequest) error {
	code := in.Code
	if deref(code.SourceKMSKeyArn) != "" {
		return unsupported("Code.SourceKMSKeyArn")
	}
	switch image := deref(in.PackageType) == ebb.PackageImage; {
	case image && deref(code.ImageUri) == "":
		return invalid("Code.ImageUri: missing; PackageType Image needs it")
	case !image && deref(code.ImageUri) != "":
		return invalid("PackageType: must be Image where Code.ImageUri is given")
	}
	if in.PublishTo != nil {
		return unsupported("PublishTo")
	}
	return (&settings{
		vpc: in.VpcConfig, kmsKey: in.KMSKeyArn, tracing: in.TracingConfig,
		snapStart: in.SnapStart,
		logging:   in.LoggingConfig, capacity: in.CapacityProviderConfig, durable: in.DurableConfig,
	}).refuse(t)
}

func (a *API) refuseUpdateConfiguration(t target, in *UpdateFunctionConfigurationRequest) error {
	return (&settings{
		vpc: in.VpcConfig, kmsKey: in.KMSKeyArn, tracing: in.TracingConfig,
		snapStart: in.SnapStart,
		logging:   in.LoggingConfig, capacity: in.CapacityProviderConfig, durable: in.DurableConfig,
	}).refuse(t)
}

func refuseUpdateCode(in *UpdateFunctionCodeRequest) error {
	if in.PublishTo != nil {
		return unsupported("PublishTo")
	}
	if deref(in.SourceKMSKeyArn) != "" {
		return unsupported("SourceKMSKeyArn")
	}
	return nil
}

// unsupported refuses a member of a request that ebb would otherwise have to
// ignore.
func unsupported(member string) error {
	return ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented,
		"%s: this version of ebb does not support it; leave it out", member)
}

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}
