// Package lambdaapi is the AWS Lambda wire API: the API of functions, versions,
// aliases, layers, policies, function URLs and invocations, for SDKs, the AWS CLI and tools unchanged.
//
// It owns the translation between the wire and the platform's nouns: paths,
// shapes, statuses, ARNs, markers, and the refusal of what ebb does not offer.
// What is authoritative: the service model for the wire (shapes_gen.go and
// model_gen.go are generated from it), package function for functions, package
// invoke for running them, package auth for who is calling.
//
// Invariants:
//
//  1. Every operation of the model is routed. One that is not implemented
//     answers 501 NotImplementedException with its name.
//  2. No member of a request is silently ignored: it is used, it says what is
//     the case anyway, or the request is refused and the member named.
//  3. Every answer, also a refusal, carries X-Amzn-RequestId; an invocation's
//     request id is the same.
//  4. Nothing is done for a caller before auth has proved and authorised them.
//     Downloads of packages are proved by their presigned address.
//  5. The payload and the answer of an invocation are not decoded; the answer
//     is held in memory once, because headers tell its outcome. That of
//     InvokeWithResponseStream is not held: it goes on as the function writes it.
//
// It keeps nothing: a crash loses the requests in flight. Walk A enters at
// Invoke and leaves at package invoke; walk D enters at CreateFunction or
// UpdateFunctionCode and leaves at package function.
package lambdaapi
