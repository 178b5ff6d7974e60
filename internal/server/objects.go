package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/objects"
	"github.com/ebb-faas/ebb/internal/s3"
	"github.com/ebb-faas/ebb/internal/s3/child"
	"github.com/ebb-faas/ebb/internal/trigger/object"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// openObjects makes the platform's own S3 endpoint, unless it is off, and its
// client of the object store that it uses.
func (n *node) openObjects() {
	cfg := n.cfg.Objects
	if !n.cfg.S3.Off {
		own := n.cfg.S3
		own.Dir = cmp.Or(own.Dir, n.path("s3"))
		n.s3 = s3.New(own, s3.Deps{
			Auth: n.auth, Log: n.log, Region: n.cfg.Region, Notifications: n.notifications,
			Happened: func(ctx context.Context, e *ebb.ObjectEvent) error { return n.bucketed.Happened(ctx, e) },
		})
		n.own = objects.New(objects.Config{Region: n.cfg.Region, Own: objects.Own{Dial: n.s3.Dial, Sign: n.s3.Sign}})
		n.objects = n.own
	}
	if cfg.Endpoint != "" {
		cfg.Region = cmp.Or(cfg.Region, n.cfg.Region)
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

// assembleObjects makes the triggers of buckets.
func (n *node) assembleObjects() {
	d := object.Deps{
		Store: n.store, Log: n.log, Region: n.cfg.Region, Send: n.sendEvent, Resolve: n.secrets.Resolve,
		Refused: n.bus.Refused, Count: func(t ebb.TriggerRef, c ebb.TriggerCounts) { n.triggers.Count(t, c) },
		URL: func() string { return n.gatewayURL },
	}
	if n.s3 != nil {
		d.Bucket = n.ownBucket
	}
	n.bucketed = object.New(d)
}

// ownBucket refuses a bucket of the platform's own endpoint that is not a
// service's.
func (n *node) ownBucket(ctx context.Context, service ebb.ServiceID, bucket string) error {
	owner := string(service)
	_, err := n.own.As(service, "").HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &bucket, ExpectedBucketOwner: &owner})
	switch code, _ := objects.Said(err); code {
	case "":
		return err
	case "NotFound", "NoSuchBucket":
		return fmt.Errorf("there is no bucket %s", bucket)
	default:
		return fmt.Errorf("bucket %s is not of this service", bucket)
	}
}

// notifications reads, and before that replaces if body is not nil, the
// notification configuration of a bucket: its triggers whose targets are
// functions.
func (n *node) notifications(ctx context.Context, service ebb.ServiceID, bucket string, body []byte) ([]byte, error) {
	if body != nil {
		want, err := object.ReadNotifications(service, bucket, body)
		if err != nil {
			return nil, err
		}
		if err := n.setNotifications(ctx, bucket, want); err != nil {
			return nil, err
		}
	}
	return n.bucketed.MarshalNotifications(ctx, bucket)
}

// setNotifications makes the triggers of a bucket those that are wanted. What can
// be refused is refused before anything is changed.
func (n *node) setNotifications(ctx context.Context, bucket string, want []ebb.Trigger) error {
	for i := range want {
		if err := n.checkEventTarget(ctx, want[i].Service, want[i].Target); err != nil {
			return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "Unable to validate the following destination configurations: %w", err)
		}
		if _, err := n.bucketed.Check(ctx, &want[i]); err != nil {
			return err
		}
	}
	have, err := n.bucketed.OfBucket(ctx, bucket)
	if err != nil {
		return err
	}
	there := make(map[string]*ebb.Trigger)
	for _, t := range have {
		there[t.Name] = t
	}
	keep := make(map[string]bool)
	for _, t := range want {
		keep[t.Name] = true
	}
	for _, t := range have {
		if target, err := ebb.ParseTarget(t.Target); err == nil && target.Kind == ebb.TargetFunction && !keep[t.Name] {
			if err := n.triggers.Delete(ctx, t.TriggerKey); err != nil {
				return err
			}
		}
	}
	for _, t := range want {
		if was := there[t.Name]; was != nil {
			now := *was
			now.Target, now.Settings = t.Target, t.Settings
			_, err = n.triggers.Update(ctx, now, was.Revision)
		} else {
			_, err = n.triggers.Create(ctx, t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// boxObjects is S3 for a box.
func (n *node) boxObjects(box *auth.Box) http.Handler {
	if n.s3 == nil {
		return http.HandlerFunc(noObjects)
	}
	return n.s3.Box(box)
}

// objectsHandler is S3 for whom the management API is the endpoint of all.
func (n *node) objectsHandler() http.Handler {
	if n.s3 == nil {
		return http.HandlerFunc(noObjects)
	}
	return n.s3.Handler()
}

// noObjects answers requests for S3 where it is off.
func noObjects(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusNotImplemented)
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>NotImplemented</Code><Message>This platform has no S3 endpoint of its own: s3.off is set.</Message></Error>`)
}

// DefaultS3 is where the S3 endpoint answers.
const DefaultS3 = s3.DefaultListen

// ServeS3 is the child process that an endpoint starts.
func ServeS3(in io.Reader, out io.Writer) error { return child.Run(in, out) }
