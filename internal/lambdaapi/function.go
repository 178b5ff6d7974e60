package lambdaapi

import (
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func (a *API) createFunction(c *call, in *CreateFunctionRequest) (*FunctionConfiguration, error) {
	t, err := c.target(a, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if t.Qualifier != "" {
		return nil, invalid("FunctionName: a new function's name has no qualifier, got %q", clip(t.Qualifier))
	}
	if err := a.refuseCreate(t, in); err != nil {
		return nil, err
	}
	from, err := object(in.Code.S3Bucket, in.Code.S3Key, in.Code.S3ObjectVersion, "Code.")
	if err != nil {
		return nil, err
	}
	signing, err := a.codeSigningOf(t, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	v, err := a.functions.Create(c, function.Create{
		FunctionKey:  t.FunctionKey,
		Runtime:      deref(in.Runtime),
		Handler:      deref(in.Handler),
		Role:         deref(in.Role),
		Description:  deref(in.Description),
		MemoryMB:     int(deref(in.MemorySize)),
		TimeoutS:     int(deref(in.Timeout)),
		TmpMB:        deref(tmpSize(in.EphemeralStorage)),
		Architecture: architecture(in.Architectures),
		Env:          variables(in.Environment),
		Zip:          in.Code.ZipFile,
		Object:       from,
		ImageURI:     deref(in.Code.ImageUri),
		ImageConfig:  imageConfig(in.ImageConfig),
		Layers:       in.Layers,
		FileSystems:  fileSystems(in.FileSystemConfigs),
		PerTenant:    in.TenancyConfig != nil,
		Tags:         in.Tags,
		LogFormat:    deref(logFormat(in.LoggingConfig)),
		DeadLetter:   deref(deadLetter(in.DeadLetterConfig)),
		CodeSigning:  signing,
		Publish:      deref(in.Publish),
	})
	if err != nil {
		return nil, err
	}
	return a.configuration(v, published(v)), nil
}

func (a *API) getFunction(c *call, in *GetFunctionRequest) (*GetFunctionResponse, error) {
	t, err := c.target(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	fn, v, err := a.functions.Get(c, t.FunctionKey, t.Qualifier)
	if err != nil {
		return nil, err
	}
	out := &GetFunctionResponse{Configuration: a.configuration(v, t.Qualifier)}
	if v.IsImage() {
		out.Code = imageLocation(v)
	} else {
		location, err := a.location(c, v.Code.Digest)
		if err != nil {
			return nil, err
		}
		out.Code = &FunctionCodeLocation{RepositoryType: new("S3"), Location: &location}
	}
	if n, some, err := a.functions.Reserved(c, t.FunctionKey); err != nil {
		return nil, err
	} else if some {
		out.Concurrency = &Concurrency{ReservedConcurrentExecutions: new(int32(n))}
	}
	if len(fn.Tags) > 0 {
		out.Tags = fn.Tags
	}
	return out, nil
}

func (a *API) getFunctionConfiguration(c *call, in *GetFunctionConfigurationRequest) (*FunctionConfiguration, error) {
	t, err := c.target(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	_, v, err := a.functions.Get(c, t.FunctionKey, t.Qualifier)
	if err != nil {
		return nil, err
	}
	return a.configuration(v, t.Qualifier), nil
}

func (a *API) updateFunctionCode(c *call, in *UpdateFunctionCodeRequest) (*FunctionConfiguration, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := refuseUpdateCode(in); err != nil {
		return nil, err
	}
	from, err := object(in.S3Bucket, in.S3Key, in.S3ObjectVersion, "")
	if err != nil {
		return nil, err
	}
	v, err := a.functions.UpdateCode(c, function.UpdateCode{
		FunctionKey:  t.FunctionKey,
		Zip:          in.ZipFile,
		Object:       from,
		ImageURI:     deref(in.ImageUri),
		Architecture: architecture(in.Architectures),
		RevisionID:   deref(in.RevisionId),
		Publish:      deref(in.Publish),
		DryRun:       deref(in.DryRun),
	})
	if err != nil {
		return nil, err
	}
	return a.configuration(v, published(v)), nil
}

func (a *API) updateFunctionConfiguration(c *call, in *UpdateFunctionConfigurationRequest) (*FunctionConfiguration, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := a.refuseUpdateConfiguration(t, in); err != nil {
		return nil, err
	}
	v, err := a.functions.UpdateConfig(c, function.UpdateConfig{
		FunctionKey: t.FunctionKey,
		RevisionID:  deref(in.RevisionId),
		Runtime:     in.Runtime,
		Handler:     in.Handler,
		Role:        in.Role,
		Description: in.Description,
		MemoryMB:    integer(in.MemorySize),
		TimeoutS:    integer(in.Timeout),
		TmpMB:       tmpSize(in.EphemeralStorage),
		Env:         variables(in.Environment),
		LogFormat:   logFormat(in.LoggingConfig),
		DeadLetter:  deadLetter(in.DeadLetterConfig),
		ImageConfig: imageConfig(in.ImageConfig),
		Layers:      in.Layers,
		FileSystems: fileSystems(in.FileSystemConfigs),
	})
	if err != nil {
		return nil, err
	}
	return a.configuration(v, ""), nil
}

func (a *API) listFunctions(c *call, in *ListFunctionsRequest) (*ListFunctionsResponse, error) {
	all := in.FunctionVersion != nil
	if m := deref(in.MasterRegion); m != "" && m != "ALL" && m != a.cfg.Region {
		return nil, unsupported("MasterRegion")
	}
	list := a.functions.List
	if all {
		list = a.functions.ListVersions
	}
	marker, err := readMarker(in.Marker)
	if err != nil {
		return nil, err
	}
	vs, next, err := list(c, serviceOf(c.principal), marker, int(deref(in.MaxItems)))
	if err != nil {
		return nil, err
	}
	return &ListFunctionsResponse{Functions: a.configurations(vs, all), NextMarker: writeMarker(next)}, nil
}

func (a *API) deleteFunction(c *call, in *DeleteFunctionRequest) (*DeleteFunctionResponse, error) {
	t, err := c.target(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.Delete(c, t.FunctionKey, t.Qualifier)
}

// configurations is configuration of each; never nil, so that SDKs find an
// empty list and not none.
func (a *API) configurations(vs []*ebb.Version, qualified bool) []FunctionConfiguration {
	out := make([]FunctionConfiguration, len(vs))
	for i, v := range vs {
		qualifier := ""
		if qualified {
			qualifier = v.Qualifier()
		}
		out[i] = *a.configuration(v, qualifier)
	}
	return out
}

// published is the qualifier of a version that was just published, "" if none was.
func published(v *ebb.Version) string {
	if v.Number == 0 {
		return ""
	}
	return v.Qualifier()
}

// configuration is how the wire shows a version. qualifier is what it was asked
// for by, and stands in its ARN.
func (a *API) configuration(v *ebb.Version, qualifier string) *FunctionConfiguration {
	arn := ebb.FunctionARN(a.cfg.Region, v.FunctionKey, qualifier)
	out := &FunctionConfiguration{
		FunctionName:         &v.Name,
		FunctionArn:          &arn,
		Runtime:              &v.Runtime,
		Role:                 &v.Role,
		Handler:              &v.Handler,
		CodeSize:             &v.Code.Size,
		Description:          &v.Description,
		Timeout:              new(int32(v.TimeoutS)),
		MemorySize:           new(int32(v.MemoryMB)),
		LastModified:         new(lastModified(v.LastModified)),
		CodeSha256:           new(codeSHA256(v.Code.Digest)),
		Version:              new(v.Qualifier()),
		TracingConfig:        &TracingConfigResponse{Mode: new(tracingPassThrough)},
		RevisionId:           &v.RevisionID,
		State:                &v.State,
		LastUpdateStatus:     &v.UpdateStatus,
		PackageType:          &v.PackageType,
		Architectures:        []string{v.Architecture},
		EphemeralStorage:     &EphemeralStorage{Size: new(int32(v.TmpMB))},
		SnapStart:            &SnapStartResponse{ApplyOn: new(snapStartNone), OptimizationStatus: new("Off")},
		RuntimeVersionConfig: &RuntimeVersionConfig{RuntimeVersionArn: new("arn:aws:lambda:" + a.cfg.Region + "::runtime:" + a.functions.RuntimeVersion(v.Runtime))},
		LoggingConfig:        &LoggingConfig{LogFormat: &v.LogFormat, LogGroup: new(logGroup(v.Name))},
	}
	if v.IsImage() {
		describeImage(out, v)
	}
	if len(v.Env) > 0 {
		out.Environment = &EnvironmentResponse{Variables: v.Env}
	}
	for _, l := range v.Layers {
		out.Layers = append(out.Layers, Layer{Arn: &l.ARN, CodeSize: &l.Code.Size})
	}
	for _, s := range v.FileSystems {
		out.FileSystemConfigs = append(out.FileSystemConfigs, FileSystemConfig{Arn: &s.ARN, LocalMountPath: &s.Path})
	}
	if v.PerTenant {
		out.TenancyConfig = &TenancyConfig{TenantIsolationMode: new(perTenant)}
	}
	if v.DeadLetter != "" {
		out.DeadLetterConfig = &DeadLetterConfig{TargetArn: &v.DeadLetter}
	}
	if v.StateReason != "" {
		out.StateReason, out.StateReasonCode = &v.StateReason, new("InternalError")
	}
	return out
}

// lastModified is the form of AWS, with the zone in four digits.
func lastModified(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }

// codeSHA256 is the base64 of the package's SHA-256.
func codeSHA256(d ebb.Digest) string {
	sum, err := hex.DecodeString(string(d))
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(sum)
}

// digest reads what codeSHA256 writes, or the digest of an image.
func digest(code string) (ebb.Digest, error) {
	if d := ebb.Digest(code); d.Valid() {
		return d, nil
	}
	sum, err := base64.StdEncoding.DecodeString(code)
	if err != nil || len(sum) != 32 {
		return "", invalid("CodeSha256: %q is not the base64 of a SHA-256", clip(code))
	}
	return ebb.Digest(hex.EncodeToString(sum)), nil
}

func logGroup(name string) string { return "/aws/lambda/" + name }

func integer(p *int32) *int {
	if p == nil {
		return nil
	}
	return new(int(*p))
}

func tmpSize(e *EphemeralStorage) *int {
	if e == nil {
		return nil
	}
	return integer(e.Size)
}

func architecture(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// variables is nil when the request does not speak of the environment, and
// empty when it wants none.
func variables(e *Environment) map[string]string {
	if e == nil {
		return nil
	}
	if e.Variables == nil {
		return map[string]string{}
	}
	return e.Variables
}

// fileSystems is nil when the request does not speak of them, and empty when it
// wants none.
func fileSystems(list []FileSystemConfig) []ebb.FileSystem {
	if list == nil {
		return nil
	}
	all := make([]ebb.FileSystem, len(list))
	for i, s := range list {
		all[i] = ebb.FileSystem{ARN: deref(s.Arn), Path: deref(s.LocalMountPath)}
	}
	return all
}

func deadLetter(d *DeadLetterConfig) *string {
	if d == nil {
		return nil
	}
	return new(deref(d.TargetArn))
}

func logFormat(l *LoggingConfig) *string {
	if l == nil {
		return nil
	}
	return l.LogFormat
}
