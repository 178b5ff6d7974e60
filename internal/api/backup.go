package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func (a *API) backup(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	if a.cfg.Backup == nil {
		return nil, a.problem(ctx, ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented, "This node makes no backups."))
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		out := &archiveWriter{w: w, control: http.NewResponseController(w),
			name: "ebb-" + a.cfg.Now().UTC().Format("20060102T150405Z") + ".tar.zst"}
		err := a.cfg.Backup(r.Context(), out)
		switch {
		case err == nil:
			out.begin()
		case !out.begun:
			a.problem(r.Context(), err).write(w)
		default:
			if r.Context().Err() == nil {
				a.cfg.Log.ErrorContext(r.Context(), "backup broke off", "request", requestID(r.Context()), "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// archiveWriter sends the head with the first byte, so that a backup that
// cannot begin is still an error with a status.
type archiveWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	name    string
	begun   bool
}

func (o *archiveWriter) begin() {
	if o.begun {
		return
	}
	o.begun = true
	o.w.Header().Set("Content-Type", "application/zstd")
	o.w.Header().Set("Content-Disposition", `attachment; filename="`+o.name+`"`)
	o.w.WriteHeader(http.StatusOK)
}

func (o *archiveWriter) Write(p []byte) (int, error) {
	o.begin()
	// A writer that knows no deadlines (a test's) has clients that read.
	_ = o.control.SetWriteDeadline(time.Now().Add(stall))
	return o.w.Write(p)
}
