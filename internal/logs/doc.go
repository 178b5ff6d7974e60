// Package logs keeps what functions and the platform say about invocations.
package logs
