package objects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// MaxBody is how much of an object Call reads: what a state of a workflow can
// hold.
const MaxBody = 256 << 10

// Call does an operation of S3 that is given and answered as JSON, with the names
// of the API, as a role of a service. ok is false for operations that are not
// offered this way. An object's Body is text: what is no string is written as its
// JSON, and what is read beyond MaxBody is an error. Errors of the endpoint have
// its own code as their type.
func (o *Objects) Call(ctx context.Context, service ebb.ServiceID, role, operation string, parameters json.RawMessage) (answer json.RawMessage, ok bool, err error) {
	do := calls()[operation]
	if do == nil {
		return nil, false, nil
	}
	out, err := do(ctx, o.As(service, role), parameters)
	if err != nil {
		return nil, true, said(operation, err)
	}
	answer, err = plain(out)
	return answer, true, err
}

type called func(ctx context.Context, c *s3.Client, parameters []byte) (any, error)

// calls are the operations that tasks use: those on objects and on lists of them.
func calls() map[string]called {
	return map[string]called{
		"CopyObject":          call((*s3.Client).CopyObject),
		"CreateBucket":        call((*s3.Client).CreateBucket),
		"DeleteBucket":        call((*s3.Client).DeleteBucket),
		"DeleteObject":        call((*s3.Client).DeleteObject),
		"DeleteObjects":       call((*s3.Client).DeleteObjects),
		"DeleteObjectTagging": call((*s3.Client).DeleteObjectTagging),
		"GetObject":           call((*s3.Client).GetObject),
		"GetObjectTagging":    call((*s3.Client).GetObjectTagging),
		"HeadBucket":          call((*s3.Client).HeadBucket),
		"HeadObject":          call((*s3.Client).HeadObject),
		"ListBuckets":         call((*s3.Client).ListBuckets),
		"ListObjects":         call((*s3.Client).ListObjects),
		"ListObjectsV2":       call((*s3.Client).ListObjectsV2),
		"ListObjectVersions":  call((*s3.Client).ListObjectVersions),
		"PutObject":           call((*s3.Client).PutObject),
		"PutObjectTagging":    call((*s3.Client).PutObjectTagging),
	}
}

func call[I, O any](method func(*s3.Client, context.Context, *I, ...func(*s3.Options)) (*O, error)) called {
	return func(ctx context.Context, c *s3.Client, parameters []byte) (any, error) {
		in := new(I)
		if err := fill(parameters, in); err != nil {
			return nil, err
		}
		out, err := method(c, ctx, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// fill reads an input from JSON.
func fill(parameters []byte, in any) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(parameters, &fields); err != nil {
		return invalid("the parameters are no object: %v", err)
	}
	if put, ok := in.(*s3.PutObjectInput); ok {
		body := fields["Body"]
		delete(fields, "Body")
		var text string
		if json.Unmarshal(body, &text) != nil {
			text = string(body)
		}
		put.Body = strings.NewReader(text)
	}
	rest, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(rest))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return invalid("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeValidation, format, args...)
}

// plain is an output as JSON of what there is of it.
func plain(out any) (json.RawMessage, error) {
	var body *string
	if got, ok := out.(*s3.GetObjectOutput); ok {
		text, err := io.ReadAll(io.LimitReader(got.Body, MaxBody+1))
		if err = errors.Join(err, got.Body.Close()); err != nil {
			return nil, &ebb.Error{Kind: ebb.Unavailable, Type: ebb.TypeServiceUnavailable, Cause: err, Message: "the object could not be read to its end"}
		}
		if len(text) > MaxBody {
			return nil, ebb.Errorf(ebb.Invalid, "S3", "the object is larger than %d bytes", MaxBody)
		}
		body, got.Body = new(string(text)), nil
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return nil, err
	}
	delete(fields, "ResultMetadata")
	if body != nil {
		fields["Body"] = *body
	}
	return json.Marshal(without(fields))
}

// without drops what an output does not say: nulls, and enumerations without a
// value.
func without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if e = without(e); e == nil || e == "" && k != "Body" {
				delete(v, k)
			} else {
				v[k] = e
			}
		}
	case []any:
		for i := range v {
			v[i] = without(v[i])
		}
	}
	return v
}

// said is what the endpoint refused, by its own code.
func said(operation string, err error) error {
	if own, ok := errors.AsType[*ebb.Error](err); ok {
		return own
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorFault() != smithy.FaultServer {
		return &ebb.Error{Kind: ebb.Invalid, Type: api.ErrorCode(), Message: api.ErrorMessage(), Cause: err}
	}
	return refused(operation, err)
}
