// Package client is ebb's Go client.
//
// It owns nothing of the platform: it finds a server, holds credentials, and
// speaks HTTP. Functions are managed and invoked through the AWS Lambda API, so
// [Client.Lambda] hands out the ecosystem's own client, ready to use; what that
// API does not have (logs, nodes, instances, backup) are methods of [Client]
// over /v1.
//
//	cfg, err := client.Discover("/var/lib/ebb") // or client.FromEnvironment()
//	c, err := client.New(cfg)
//	out, err := c.Lambda().Invoke(ctx, &lambda.InvokeInput{
//		FunctionName: aws.String("hello"), Payload: []byte(`{"name":"x"}`),
//	})
//
// Authoritative are the server's answers; nothing is cached here.
//
// Invariants:
//
//  1. Nothing in this package's API comes from ebb's internal packages, so it
//     can be imported from outside the module.
//  2. No request is repeated behind the caller's back unless it asks for it
//     with options of [Client.Lambda]: an invocation that failed half-way may
//     have run.
//  3. An answer that says no is an [*Error] ([ErrorOf] finds it, also in what
//     the Lambda client returns); no answer at all is an [*UnreachableError].
//  4. Secrets are never part of an error's or a Config's text.
//
// A crash of the caller loses nothing: the client holds no state. All four
// walks enter the platform through the requests made here.
package client
