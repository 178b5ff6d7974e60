package awswire

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestWriteError(t *testing.T) {
	secret := errors.New("open /var/lib/secret: no such file")
	for _, c := range []struct {
		err        error
		status     int
		typ, body  string
		retryAfter string
	}{
		{ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: x"), 404,
			"ResourceNotFoundException", `{"Type":"User","Message":"Function not found: x"}`, ""},
		{fmt.Errorf("create: %w", ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "Role: bad")), 400,
			"InvalidParameterValueException", `{"Type":"User","message":"Role: bad"}`, ""},
		{&ebb.Error{Kind: ebb.Throttled, Type: ebb.TypeTooManyRequests, Message: "Rate Exceeded.", Reason: ebb.ReasonConcurrency, RetryAfter: 1500 * time.Millisecond}, 429,
			"TooManyRequestsException", `{"Type":"User","message":"Rate Exceeded.","Reason":"ConcurrentInvocationLimitExceeded"}`, "2"},
		{ebb.Errorf(ebb.Throttled, ebb.TypeTooManyRequests, "x"), 429, "TooManyRequestsException", `{"Type":"User","message":"x"}`, "1"},
		{ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "disk full"), 503,
			"ServiceUnavailableException", `{"Type":"Service","Message":"disk full"}`, ""},
		{ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented, "Fly: no"), 501,
			"NotImplementedException", `{"Type":"User","Message":"Fly: no"}`, ""},
		{ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied, "no"), 403, "AccessDeniedException", `{"Type":"User","Message":"no"}`, ""},
		{ebb.Errorf(ebb.Unauthenticated, ebb.TypeInvalidSignature, "no"), 403, "InvalidSignatureException", `{"Type":"User","message":"no"}`, ""},
		{ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRuntime, "x"), 502, "InvalidRuntimeException", `{"Type":"Service","Message":"x"}`, ""},
		{ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "1 validation"), 400, "ValidationException", `{"Type":"User","message":"1 validation"}`, ""},
		{secret, 500, "ServiceException", `{"Type":"Service","Message":"` + internalMessage + `"}`, ""},
		{ebb.Errorf(ebb.Internal, ebb.TypeServiceException, "look: %w", secret), 500, "ServiceException", `{"Type":"Service","Message":"` + internalMessage + `"}`, ""},
	} {
		w := httptest.NewRecorder()
		status := testModel(t).WriteError(w, c.err)
		if status != c.status || w.Code != c.status || w.Header().Get("x-amzn-ErrorType") != c.typ ||
			w.Body.String() != c.body || w.Header().Get("Retry-After") != c.retryAfter {
			t.Errorf("%v:\n got %d %v %s\nwant %d %s %s", c.err, w.Code, w.Header(), w.Body, c.status, c.typ, c.body)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("the answer tells what only the log may: %s", w.Body)
		}
	}
}

func TestEveryKindHasAStatus(t *testing.T) {
	want := map[ebb.Kind]int{
		ebb.Internal: 500, ebb.Invalid: 400, ebb.Unauthenticated: 403, ebb.Forbidden: 403, ebb.NotFound: 404,
		ebb.Conflict: 409, ebb.PreconditionFailed: 412, ebb.TooLarge: 413, ebb.Unsupported: 415, ebb.Throttled: 429,
		ebb.QuotaExceeded: 400, ebb.Unimplemented: 501, ebb.Unavailable: 503,
	}
	for kind := ebb.Internal; kind <= ebb.Unavailable; kind++ {
		if got := kind.Status(); got != want[kind] {
			t.Errorf("kind %d: got %d, want %d", kind, got, want[kind])
		}
	}
}
