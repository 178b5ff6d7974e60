// Package gateway is the data plane's HTTP: function URLs and routes.
//
// It owns the way between an HTTP request and an invocation: which function a
// URL or a route belongs to, who may call it and how often, the event of payload
// format 2.0 or 1.0, and what the function's answer means in HTTP. Function URLs
// themselves belong to package function; the cache here is a copy, dropped by
// Forget. Routes are triggers of kind http (package trigger/route); the table
// here is a copy, made anew by LoadRoutes.
//
// A request goes to the table of routes first (table.go: the host chooses, then
// the most specific path, then the method). A host that no route names leaves
// /url/ to function URLs. A route is served in the shape of a function URL, so
// that all that follows is the same; what differs hangs on route.http: the
// caller (routeauth.go, jwt.go, jwks.go), limits (limit.go), the body's schema
// (schema.go), the time until an answer (timeout.go), format 1.0 (event1.go,
// response1.go).
//
// The format is AWS's, checked against events captured from Lambda; the rules
// that are not obvious:
//
//   - A function URL lives at /url/ID/…; the function sees the path after the
//     id, as it came (percent-encoding kept), beginning with "/".
//   - The body is text in the event for text/*, application/json, -xml and
//     -javascript without a content encoding, if it is UTF-8. All else, a form
//     and a body without a content type included, is base64.
//   - An answer that is an object with statusCode is taken apart. Any other
//     JSON, a string in its quotes included, is the body of a 200 of type
//     application/json.
//   - A failed, timed out or nonsensical answer is 502 {"Message":"Internal
//     Server Error"}; the reason is in the function's log, not in public.
//   - A streamed answer begins with a prelude (status, headers, cookies) and
//     eight NUL bytes if its content type is
//     application/vnd.awslambda.http-integration-response. That is understood
//     whatever the URL's invoke mode; BUFFERED waits for the end of it. An
//     answer that is not streamed is taken apart in both modes.
//   - A preflight is answered here if the URL has CORS settings, without
//     credentials and without the function. CORS headers of the settings
//     replace the function's own.
//
// Invariants:
//
//  1. Nothing is invoked for a URL of type AWS_IAM without a valid signature
//     over the whole request, and for one of type NONE unless its policy makes it
//     public.
//  2. After Forget(key) returns, no later request sees what key's URLs were.
//  3. The payload of an answer is copied, never kept: what is pooled is not
//     reachable once ServeHTTP has returned.
//  4. Of a route's authorizer whatever cannot be found out lets nobody in, and a
//     path that could be read in two ways is no route's.
//  5. A table of routes is never changed: another takes its place whole, and
//     requests in flight go on with the route they have.
//  6. Only one of a function and its route's timeout answers a client (turn).
//  7. A small request body is there before its function holds a place in an
//     instance; any other goes to a web function as it comes.
//  8. A connection in which something of a request's body is left carries no other
//     request (upload.go).
//  9. Once the head of a streamed answer is sent, a failure ends the connection
//     instead of the body, so that nobody takes a part for the whole.
//
// It keeps nothing: a crash loses the requests in flight, and the lines of the
// access log of the last second. Walk A enters at
// ServeHTTP and leaves at Dispatcher.Invoke, and the answer comes back through
// the sink in answer.go.
//
// A Gateway is a handler for a listener of its own. Do not mount it in an
// http.ServeMux, which redirects paths like //a that belong to functions.
package gateway
