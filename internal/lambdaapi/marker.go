package lambdaapi

import "encoding/base64"

// Markers are opaque to callers, so that their meaning may change.

func writeMarker(next string) *string {
	if next == "" {
		return nil
	}
	return new(base64.RawURLEncoding.EncodeToString([]byte(next)))
}

func readMarker(m *string) (string, error) {
	if deref(m) == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*m)
	if err != nil || len(b) == 0 {
		return "", invalid("Marker: %q is not a marker of an earlier answer", clip(*m))
	}
	return string(b), nil
}
