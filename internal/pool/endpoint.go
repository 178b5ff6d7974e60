package pool

import (
	"net/http"
	"time"
)

// What a box may take of ebb with requests to ebb's own APIs, which it may send as
// slowly as it likes. How many connections ebb holds is the box's listener's matter,
// how many bodies the handler's.
const (
	maxBoxHead  = 64 << 10 // bytes of a request's head
	boxPatience = 10 * time.Second
)

// newEndpoint serves a box's way back to ebb.
func newEndpoint(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: boxPatience, MaxHeaderBytes: maxBoxHead}
}
