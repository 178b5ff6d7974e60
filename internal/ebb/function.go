package ebb

import (
	"regexp"
	"strings"
	"time"
)

// Latest is the qualifier of the unpublished, mutable version.
const Latest = "$LATEST"

// FunctionKey names a function within the platform.
type FunctionKey struct {
	Service ServiceID
	Name    string
}

func (k FunctionKey) String() string { return string(k.Service) + ":" + k.Name }

// Function is what is true of a function whatever its version.
type Function struct {
	FunctionKey
	CreatedAt time.Time
	Tags      map[string]string
}

// FunctionRef is a function as a caller names it: a name, a partial ARN or a
// full ARN, each with or without a qualifier. Empty fields were not given.
type FunctionRef struct {
	Region    string
	Service   ServiceID
	Name      string
	Qualifier string
}

var (
	functionNameRE = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	qualifierRE    = regexp.MustCompile(`^(\$LATEST|[a-zA-Z0-9-_]{1,128})$`)
)

// ValidFunctionName reports whether name may be given to a new function.
func ValidFunctionName(name string) bool { return functionNameRE.MatchString(name) }

// ParseFunctionRef reads NAME, function:NAME, [REGION:]ACCOUNT:function:NAME or
// arn:aws:lambda:REGION:ACCOUNT:function:NAME, each optionally followed by
// :QUALIFIER (the three spellings of the Lambda API).
func ParseFunctionRef(s string) (FunctionRef, error) {
	var ref FunctionRef
	rest := s
	if strings.HasPrefix(rest, "arn:") {
		p := strings.SplitN(rest, ":", 6)
		if len(p) < 6 || p[2] != "lambda" {
			return ref, invalidRef(s)
		}
		ref.Region, ref.Service, rest = p[3], ServiceID(p[4]), p[5]
		if !strings.HasPrefix(rest, "function:") {
			return ref, invalidRef(s)
		}
	} else if account, after, ok := strings.Cut(rest, ":function:"); ok {
		if region, of, both := strings.Cut(account, ":"); both && region != "" {
			ref.Region, account = region, of
		}
		ref.Service, rest = ServiceID(account), "function:"+after
	}
	rest = strings.TrimPrefix(rest, "function:")
	ref.Name, ref.Qualifier, _ = strings.Cut(rest, ":")
	if ref.Service != "" && !ref.Service.Valid() ||
		!ValidFunctionName(ref.Name) ||
		ref.Qualifier != "" && !ValidQualifier(ref.Qualifier) ||
		strings.HasSuffix(rest, ":") {
		return FunctionRef{}, invalidRef(s)
	}
	return ref, nil
}

// ValidQualifier reports whether q has the shape of a version number, an alias
// name or $LATEST.
func ValidQualifier(q string) bool { return qualifierRE.MatchString(q) }

func invalidRef(s string) error {
	if len(s) > 170 {
		s = s[:170] + "…"
	}
	return Errorf(Invalid, TypeInvalidParameterValue,
		"FunctionName: %q is not a function name, partial ARN or ARN", s)
}

// FunctionARN builds the ARN of a function, with :qualifier if one is given.
func FunctionARN(region string, k FunctionKey, qualifier string) string {
	arn := "arn:aws:lambda:" + region + ":" + string(k.Service) + ":function:" + k.Name
	if qualifier != "" {
		arn += ":" + qualifier
	}
	return arn
}
