package ebb

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// MaxLayers is how many layers one version of a function may have.
const MaxLayers = 5

// LayerKey names a layer within the platform.
type LayerKey struct {
	Service ServiceID
	Name    string
}

// LayerVersion is files that functions share: one immutable version of a layer.
type LayerVersion struct {
	LayerKey
	Number        int64 // from 1
	Code          Code
	Description   string
	License       string
	Runtimes      []string // it says it is made for; none = not said
	Architectures []string
	CreatedAt     time.Time
}

// Layer is what a version of a function keeps of a layer version: all it takes
// to run, also after the layer version was deleted.
type Layer struct {
	ARN  string
	Code Code
}

var (
	layerNameRE = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	layerARNRE  = regexp.MustCompile(`^arn:[a-zA-Z0-9-]+:lambda:([a-zA-Z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+)(?::([0-9]+))?$`)
)

// LayerRef is a layer as a caller names it. Empty fields were not given.
type LayerRef struct {
	Region string
	LayerKey
	Number int64
}

// ParseLayerRef reads a layer's name, its ARN, or the ARN of one of its
// versions.
func ParseLayerRef(s string) (LayerRef, error) {
	if layerNameRE.MatchString(s) {
		return LayerRef{LayerKey: LayerKey{Name: s}}, nil
	}
	m := layerARNRE.FindStringSubmatch(s)
	if m == nil || !layerNameRE.MatchString(m[3]) {
		return LayerRef{}, Errorf(Invalid, TypeInvalidParameterValue,
			"LayerName: %.140q is not 1 to 64 letters, digits, - and _, or the ARN of a layer", s)
	}
	ref := LayerRef{Region: m[1], LayerKey: LayerKey{Service: ServiceID(m[2]), Name: m[3]}}
	if m[4] != "" {
		n, err := strconv.ParseInt(m[4], 10, 64)
		if err != nil || n < 1 {
			return LayerRef{}, Errorf(Invalid, TypeInvalidParameterValue, "Layer Version Cannot be less than 1")
		}
		ref.Number = n
	}
	return ref, nil
}

// LayerARN builds the ARN of a layer, with :number if one is given.
func LayerARN(region string, k LayerKey, number int64) string {
	arn := "arn:aws:lambda:" + region + ":" + string(k.Service) + ":layer:" + k.Name
	if number > 0 {
		arn += ":" + strconv.FormatInt(number, 10)
	}
	return arn
}

// LayerOf cuts the version off the ARN of a layer version.
func LayerOf(arn string) string {
	if i := strings.LastIndexByte(arn, ':'); i >= 0 {
		return arn[:i]
	}
	return arn
}
