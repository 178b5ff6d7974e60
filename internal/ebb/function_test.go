package ebb

import (
	"strings"
	"testing"
)

func TestParseFunctionRef(t *testing.T) {
	const account = "123456789012"
	for in, want := range map[string]FunctionRef{
		"f":                          {Name: "f"},
		"f:1":                        {Name: "f", Qualifier: "1"},
		"f:$LATEST":                  {Name: "f", Qualifier: Latest},
		"function:f":                 {Name: "f"},
		account + ":function:f":      {Service: account, Name: "f"},
		account + ":function:f:live": {Service: account, Name: "f", Qualifier: "live"},
		"arn:aws:lambda:us-east-1:" + account + ":function:my-f_2":    {Region: "us-east-1", Service: account, Name: "my-f_2"},
		"arn:aws:lambda:us-east-1:" + account + ":function:f:$LATEST": {Region: "us-east-1", Service: account, Name: "f", Qualifier: Latest},
	} {
		got, err := ParseFunctionRef(in)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", in, got, err, want)
		}
		if strings.HasPrefix(in, "arn:") {
			if back := FunctionARN(got.Region, FunctionKey{got.Service, got.Name}, got.Qualifier); back != in {
				t.Errorf("%q comes back as %q", in, back)
			}
		}
	}
	for _, in := range []string{
		"", ":", "f:", "f:a:b", "a b", "../f", "f/x", strings.Repeat("f", 65), "12345:function:f", "x:function:f",
		"arn:aws:s3:us-east-1:" + account + ":function:f", "arn:aws:lambda:us-east-1:" + account + ":layer:f",
		"arn:aws:lambda:us-east-1:" + account + ":function:", "arn:aws:lambda", "f:é",
	} {
		if got, err := ParseFunctionRef(in); KindOf(err) != Invalid || TypeOf(err) != TypeInvalidParameterValue ||
			!strings.Contains(err.Error(), "FunctionName") {
			t.Errorf("%q: got %+v, %v; want it refused", in, got, err)
		}
	}
}

func FuzzParseFunctionRef(f *testing.F) {
	f.Add("f:1")
	f.Add("arn:aws:lambda:us-east-1:123456789012:function:f:live")
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseFunctionRef(s)
		if err != nil {
			return
		}
		if !ValidFunctionName(ref.Name) || ref.Service != "" && !ref.Service.Valid() ||
			ref.Qualifier != "" && !ValidQualifier(ref.Qualifier) {
			t.Errorf("%q was read as %+v", s, ref)
		}
	})
}
