package ebb

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind says what an error means to the caller, independent of any wire API.
type Kind uint8

// The kinds. Internal is the zero value on purpose: an error nobody classified
// is the platform's fault.
const (
	Internal           Kind = iota // a bug or a broken machine
	Invalid                        // the request is wrong; the message names the field
	Unauthenticated                // no or wrong credentials
	Forbidden                      // known caller, not allowed
	NotFound                       // the thing does not exist
	Conflict                       // it exists already, or is being changed
	PreconditionFailed             // RevisionId does not match
	TooLarge                       // payload or package over its limit
	Unsupported                    // media type or encoding not understood
	Throttled                      // a limit of concurrency, rate or queue
	QuotaExceeded                  // a storage or count quota
	Unimplemented                  // a known operation or option ebb does not offer
	Unavailable                    // shutting down, disk full, database gone: try again
)

// Status is the HTTP status of a kind. An API deviates only where the standard it
// speaks does.
func (k Kind) Status() int {
	switch k {
	case Invalid:
		return http.StatusBadRequest
	case Unauthenticated, Forbidden:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case PreconditionFailed:
		return http.StatusPreconditionFailed
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case Unsupported:
		return http.StatusUnsupportedMediaType
	case Throttled:
		return http.StatusTooManyRequests
	case QuotaExceeded:
		return http.StatusBadRequest
	case Unimplemented:
		return http.StatusNotImplemented
	case Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Wire type names shared by more than one package. They are the names of the
// AWS Lambda API where it has one; docs/errors has a page for each.
const (
	TypeInvalidParameterValue = "InvalidParameterValueException"
	TypeInvalidRequestContent = "InvalidRequestContentException"
	TypeResourceNotFound      = "ResourceNotFoundException"
	TypeResourceConflict      = "ResourceConflictException"
	TypePreconditionFailed    = "PreconditionFailedException"
	TypeRequestTooLarge       = "RequestTooLargeException"
	TypeUnsupportedMediaType  = "UnsupportedMediaTypeException"
	TypeTooManyRequests       = "TooManyRequestsException"
	TypePolicyLengthExceeded  = "PolicyLengthExceededException"
	TypeCodeStorageExceeded   = "CodeStorageExceededException"
	TypeInvalidZipFile        = "InvalidZipFileException"
	TypeInvalidRuntime        = "InvalidRuntimeException"
	TypeRecursiveInvocation   = "RecursiveInvocationException"
	TypeResourceNotReady      = "ResourceNotReadyException"
	TypeServiceException      = "ServiceException"
	TypeAccessDenied          = "AccessDeniedException"
	TypeNotImplemented        = "NotImplementedException"
	TypeUnrecognizedClient    = "UnrecognizedClientException"
	TypeInvalidSignature      = "InvalidSignatureException"
	TypeMissingAuthentication = "MissingAuthenticationTokenException"
	TypeIncompleteSignature   = "IncompleteSignatureException"
	TypeRequestEntityTooLarge = "RequestEntityTooLargeException"
	TypeServiceUnavailable    = "ServiceUnavailableException"
	TypeUnknownOperation      = "UnknownOperationException"
	TypeSerialization         = "SerializationException"
	TypeValidation            = "ValidationException"
	TypeProvisionedNotFound   = "ProvisionedConcurrencyConfigNotFoundException"
	TypeFunctionURLNotFound   = "FunctionURLNotFoundException"
	TypeRouteNotFound         = "RouteNotFoundException"
	TypeUnauthorized          = "UnauthorizedException"
	TypeGatewayTimeout        = "GatewayTimeoutException"
	TypeRequestInvalid        = "RequestValidationException"
	TypeMethodNotAllowed      = "MethodNotAllowedException"
	TypeSandboxUnavailable    = "SandboxUnavailableException"
	TypeDataDirectoryInUse    = "DataDirectoryInUse"
	TypeDatabaseNewer         = "DatabaseNewer"
	TypeDatabaseBroken        = "DatabaseBroken"
	TypeBackupBroken          = "BackupBroken"
	TypeConfigInvalid         = "ConfigInvalid"
	TypeManifestInvalid       = "ManifestInvalid"
	TypeMasterKeyInvalid      = "MasterKeyInvalid"
	TypeExpiredToken          = "ExpiredTokenException"
	TypeCodeVerification      = "CodeVerificationFailedException"
	TypeInvalidCodeSignature  = "InvalidCodeSignatureException"
	TypeCodeSigningNotFound   = "CodeSigningConfigNotFoundException"
)

// Reasons of a throttle, as the Lambda API words them.
const (
	ReasonConcurrency = "ConcurrentInvocationLimitExceeded"
	ReasonReserved    = "ReservedFunctionConcurrentInvocationLimitExceeded"
	ReasonRate        = "FunctionInvocationRateLimitExceeded"
	ReasonRoute       = "RouteRateLimitExceeded"
	ReasonCaller      = "CallerRateLimitExceeded"
)

// Error is the one error that crosses package borders on purpose. Anything else
// that reaches an API's door is logged there once and answered as Internal.
type Error struct {
	Kind       Kind
	Type       string        // wire type name, for example ResourceNotFoundException
	Message    string        // for people; names the field when the input is wrong
	Reason     string        // Throttled: which limit
	RetryAfter time.Duration // Throttled, Unavailable: when to come back; 0 = unknown
	Cause      error         // never shown to the caller
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Type, e.Message, e.Cause)
	}
	return e.Type + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error. What %w in format stands for becomes the Cause, all of it
// if there are several, as well as text.
func Errorf(kind Kind, typ, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	cause := errors.Unwrap(err)
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		cause = errors.Join(several.Unwrap()...)
	}
	return &Error{Kind: kind, Type: typ, Message: err.Error(), Cause: cause}
}

// KindOf returns the kind of the first Error in err's chain, or Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// TypeOf returns the wire type of the first Error in err's chain, or "".
func TypeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Type
	}
	return ""
}
