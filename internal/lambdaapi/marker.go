package lambdaapi

import (
	"context"
	"encoding/base64"

	"github.com/ebb-faas/ebb/internal/ebb"
)

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

// page is a page of what belongs to a function.
func page[T any](a *API, c *call, function, marker *string, max *int32,
	list func(ctx context.Context, key ebb.FunctionKey, marker string, max int) ([]T, string, error),
) (all []T, next *string, err error) {
	t, err := c.unqualified(a, function)
	if err != nil {
		return nil, nil, err
	}
	from, err := readMarker(marker)
	if err != nil {
		return nil, nil, err
	}
	all, to, err := list(c, t.FunctionKey, from, int(deref(max)))
	return all, writeMarker(to), err
}
