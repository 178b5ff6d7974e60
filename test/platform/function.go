package platform

import (
	"archive/zip"
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Role is a role that every test may use.
const Role = "arn:aws:iam::000000000000:role/test"

// Function is a function to create.
type Function struct {
	Name     string
	Runtime  string
	Handler  string
	Files    map[string]string // name in the package → content; programs, bootstrap and extensions/* are made executable
	Env      map[string]string
	MemoryMB int32 // 0 = 128
	TimeoutS int32 // 0 = 3
	TmpMB    int32 // 0 = 512
}

// Zip packs files; the same files make the same bytes.
func Zip(files map[string]string) ([]byte, error) {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range names {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o644)
		if name == "bootstrap" || strings.HasPrefix(name, "extensions/") || strings.HasPrefix(files[name], "\x7fELF") {
			h.SetMode(0o755)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write([]byte(files[name])); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Create creates f.
func (p *Platform) Create(ctx context.Context, f Function) error {
	code, err := Zip(f.Files)
	if err != nil {
		return err
	}
	in := &lambda.CreateFunctionInput{
		FunctionName: aws.String(f.Name), Runtime: types.Runtime(f.Runtime), Handler: aws.String(f.Handler),
		Role: aws.String(Role), Code: &types.FunctionCode{ZipFile: code},
	}
	if f.MemoryMB > 0 {
		in.MemorySize = aws.Int32(f.MemoryMB)
	}
	if f.TimeoutS > 0 {
		in.Timeout = aws.Int32(f.TimeoutS)
	}
	if f.TmpMB > 0 {
		in.EphemeralStorage = &types.EphemeralStorage{Size: aws.Int32(f.TmpMB)}
	}
	if len(f.Env) > 0 {
		in.Environment = &types.Environment{Variables: f.Env}
	}
	_, err = p.Lambda().CreateFunction(ctx, in)
	return err
}

// URL gives a function a public function URL and returns it.
func (p *Platform) URL(ctx context.Context, name string) (string, error) {
	out, err := p.Lambda().CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{
		FunctionName: aws.String(name), AuthType: types.FunctionUrlAuthTypeNone})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.FunctionUrl), p.Publish(ctx, name)
}

// Publish lets everybody call the function's URL.
func (p *Platform) Publish(ctx context.Context, name string) error {
	_, err := p.Lambda().AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: aws.String(name), StatementId: aws.String("public"), Action: aws.String("lambda:InvokeFunctionUrl"),
		Principal: aws.String("*"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone})
	return err
}

// Invoke runs a function and returns its answer, and the function error if any.
func (p *Platform) Invoke(ctx context.Context, name, payload string) (answer, functionError string, err error) {
	out, err := p.Lambda().Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(name), Payload: []byte(payload)})
	if err != nil {
		return "", "", err
	}
	return string(out.Payload), aws.ToString(out.FunctionError), nil
}
