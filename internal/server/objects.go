package server

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/objects"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// openObjects makes the platform's client of its object store, if it has one.
func (n *node) openObjects() {
	cfg := n.cfg.Objects
	cfg.Region = cmp.Or(cfg.Region, n.cfg.Region)
	if cfg.Offered() {
		n.objects = objects.New(cfg)
	}
}

// workflowObjects is what distributed Maps read and write.
func (n *node) workflowObjects() workflow.Objects {
	o := n.objects
	if o == nil {
		return workflow.Objects{}
	}
	return workflow.Objects{
		Get: func(ctx context.Context, service ebb.ServiceID, bucket, key string) (io.ReadCloser, error) {
			body, err := o.Open(ctx, service, bucket, key, "")
			return body, shortly(err)
		},
		Put: func(ctx context.Context, service ebb.ServiceID, bucket, key string, body io.Reader, size int64) error {
			return shortly(o.Put(ctx, service, bucket, key, "application/json", body, size, nil))
		},
		List: func(ctx context.Context, service ebb.ServiceID, bucket, prefix string, each func(objects.Object) bool) error {
			return shortly(o.List(ctx, service, bucket, prefix, "", each))
		},
	}
}

// shortly is what an endpoint said, without how it was asked.
func shortly(err error) error {
	if code, message := objects.Said(err); code != "" {
		return fmt.Errorf("%s: %s", code, message)
	}
	return err
}
