package pool

import (
	"context"
	"net"
	"time"

	"github.com/ebb-faas/ebb/internal/runtimeapi"
)

// webGrace is how long a web function's server may take to end by itself once
// its last request is answered.
const webGrace = 500 * time.Millisecond

// web is what the conversation with the instance's server needs.
func (in *instance) web() runtimeapi.WebOptions {
	v := in.shelf.version
	port := v.WebPort()
	return runtimeapi.WebOptions{
		Dial:        func(ctx context.Context) (net.Conn, error) { return in.box.Dial(ctx, port) },
		Ended:       in.box.Done(),
		Port:        port,
		Concurrency: in.shelf.places,
	}
}
