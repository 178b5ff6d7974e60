package ebb

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestErrorsKeepKindTypeAndCause(t *testing.T) {
	cause := errors.New("disk full")
	err := fmt.Errorf("put: %w", Errorf(Unavailable, TypeServiceUnavailable, "Code: not stored: %w", cause))
	if KindOf(err) != Unavailable || TypeOf(err) != TypeServiceUnavailable || !errors.Is(err, cause) {
		t.Errorf("%v: kind %d, type %q", err, KindOf(err), TypeOf(err))
	}
	if !strings.Contains(err.Error(), "disk full") {
		t.Errorf("%q does not tell the cause", err)
	}
	other := errors.New("disk gone")
	if err := Errorf(Unavailable, TypeServiceUnavailable, "Code: %w, then %w", cause, other); !errors.Is(err, cause) || !errors.Is(err, other) {
		t.Errorf("of two causes one is lost: %v", err)
	}
	if err := Errorf(Invalid, TypeValidation, "Code: missing"); err.Cause != nil {
		t.Errorf("a cause from nowhere: %v", err.Cause)
	}
	if KindOf(cause) != Internal || TypeOf(cause) != "" || KindOf(nil) != Internal {
		t.Error("an error nobody classified is not Internal")
	}
}

func TestShapesOfIDs(t *testing.T) {
	if !DefaultService.Valid() || ServiceID("12345678901").Valid() || ServiceID("12345678901x").Valid() {
		t.Error("ServiceID.Valid")
	}
	digest := Digest(strings.Repeat("0f", 32))
	if !digest.Valid() || Digest(strings.ToUpper(string(digest))).Valid() || digest[:63].Valid() {
		t.Error("Digest.Valid")
	}
}
