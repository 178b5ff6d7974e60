package function

import (
	"bytes"
	"context"
	"io"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// Object is a package in an object store.
type Object struct {
	Bucket, Key string
	Version     string // "" = the newest
}

// putSource stores a package from where it is, if it passes the inspections and
// its service has room for it.
func (f *Functions) putSource(ctx context.Context, service ebb.ServiceID, zip []byte, o *Object, inspect ...artifact.Inspection) (ebb.Code, error) {
	if o == nil {
		code, err := f.packages.Put(ctx, bytes.NewReader(zip), inspect...)
		if err != nil {
			return code, err
		}
		return code, f.checkStorage(ctx, service, code)
	}
	r, err := f.object(ctx, service, o)
	if err != nil {
		return ebb.Code{}, err
	}
	defer func() { _ = r.Close() }() // only read
	code, err := f.packages.PutLarge(ctx, r, inspect...)
	if err != nil {
		return code, err
	}
	return code, f.checkStorage(ctx, service, code)
}

// checkSourceOnly does what putSource does and stores nothing.
func (f *Functions) checkSourceOnly(ctx context.Context, service ebb.ServiceID, zip []byte, o *Object, inspect ...artifact.Inspection) (ebb.Code, error) {
	if o == nil {
		return f.packages.Check(ctx, bytes.NewReader(zip), inspect...)
	}
	r, err := f.object(ctx, service, o)
	if err != nil {
		return ebb.Code{}, err
	}
	defer func() { _ = r.Close() }() // only read
	return f.packages.CheckLarge(ctx, r, inspect...)
}

func (f *Functions) object(ctx context.Context, service ebb.ServiceID, o *Object) (io.ReadCloser, error) {
	if f.cfg.Objects == nil {
		return nil, ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented,
			"S3Bucket: no object store is configured on this platform (s3 is off, and objects.endpoint not set); send the package as ZipFile")
	}
	return f.cfg.Objects(ctx, service, o.Bucket, o.Key, o.Version)
}

// checkOneSource checks that a package is given, and only once. under is what
// stands before the names of the request's members.
func checkOneSource(under string, zip []byte, o *Object) error {
	switch {
	case len(zip) == 0 && o == nil:
		return invalid("%sZipFile: missing. Please provide a source for function code.", under)
	case len(zip) > 0 && o != nil:
		return invalid("%sZipFile: Please do not provide other FunctionCode parameters when providing a ZipFile.", under)
	}
	return nil
}
