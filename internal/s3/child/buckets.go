package child

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/s3"
)

// buckets are a backend whose changes are told to the platform.
type buckets struct {
	backend.Backend
	dir    string // of the buckets
	noSync bool
	parent *parent
	*journal

	unsent chan *intent // those that the platform did not take
	ended  sync.WaitGroup
}

// keyPrivate marks requests of the private socket.
const keyPrivate = "ebb-private"

// account is who makes a request.
func account(ctx context.Context) auth.Account {
	a, _ := ctx.Value("account").(auth.Account) // the name is versitygw's
	return a
}

// service is for whom somebody acts.
func service(a auth.Account) string {
	if part := strings.Split(a.Arn, ":"); len(part) > 5 {
		return part[4]
	}
	return a.Access
}

// event is what may happen to an object by a request.
func (b *buckets) event(ctx context.Context, name, bucket, key string) *intent {
	a := account(ctx)
	principal := a.Arn
	if principal == "" {
		principal = a.Access
	}
	// The request's strings are used again when it is over.
	i := &intent{ObjectEvent: ebb.ObjectEvent{Name: name, Bucket: strings.Clone(bucket), Key: strings.Clone(key), Principal: strings.Clone(principal)}}
	if r, ok := ctx.(*fasthttp.RequestCtx); ok {
		i.SourceIP = r.RemoteIP().String()
		if r.UserValue(keyPrivate) != nil {
			i.SourceIP = string(r.Request.Header.Peek("X-Forwarded-For"))
			if net.ParseIP(i.SourceIP) == nil {
				i.SourceIP = "127.0.0.1"
			}
		}
		i.RequestID, _ = r.UserValue("request-id").(string)
		i.HostID, _ = r.UserValue("host-id").(string)
	}
	return i
}

// began writes down that something may happen.
func (b *buckets) began(intents ...*intent) error {
	if err := b.add(intents...); err != nil {
		log.Printf("the journal cannot be written: %v", err)
		return s3err.GetAPIError(s3err.ErrInternalError)
	}
	return nil
}

// dropped takes out what has not happened.
func (b *buckets) dropped(intents ...*intent) {
	if err := b.done(intents...); err != nil {
		log.Printf("the journal cannot be written: %v", err)
	}
}

// happened tells the platform; what it does not take now it is told again.
func (b *buckets) happened(intents ...*intent) {
	if len(intents) == 0 {
		return
	}
	events := make([]ebb.ObjectEvent, len(intents))
	for n, i := range intents {
		if i.Time.IsZero() {
			i.Time = time.Now().UTC()
		}
		if i.Owner == "" {
			i.Owner = b.owner(i.Bucket)
		}
		events[n] = i.ObjectEvent
	}
	if err := b.parent.ask(context.Background(), s3.PathEvents, events, nil); err != nil {
		log.Printf("events wait: %v", err)
		b.ended.Add(1)
		go func() {
			defer b.ended.Done()
			for _, i := range intents {
				b.unsent <- i
			}
		}()
		return
	}
	b.dropped(intents...)
}

// resend tells what was not taken until stop closes.
func (b *buckets) resend(stop <-chan struct{}) {
	var waiting []*intent
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case i := <-b.unsent:
			waiting = append(waiting, i)
		case <-tick.C:
			for len(waiting) > 0 {
				if err := b.parent.ask(context.Background(), s3.PathEvents, []ebb.ObjectEvent{waiting[0].ObjectEvent}, nil); err != nil {
					break
				}
				b.dropped(waiting[0])
				waiting = waiting[1:]
			}
		case <-stop:
			return // the journal has them
		}
	}
}

func (b *buckets) owner(bucket string) string {
	text, err := b.GetBucketAcl(context.Background(), &awss3.GetBucketAclInput{Bucket: &bucket})
	if err != nil {
		return ""
	}
	acl, err := auth.ParseACL(text)
	if err != nil {
		return ""
	}
	return acl.Owner
}

// recover tells what has happened of what an earlier process left.
func (b *buckets) recover(left []*intent, old []string) error {
	var told []*intent
	for _, i := range left {
		if b.hasHappened(i) {
			again := *i
			told = append(told, &again)
		}
	}
	if len(told) > 0 {
		if err := b.add(told...); err != nil {
			return err
		}
	}
	var errs []error
	for _, path := range old {
		errs = append(errs, os.Remove(path))
	}
	b.happened(told...)
	return errors.Join(errs...)
}

// lag is by how much the time of a file may be before the clock's.
const lag = 50 * time.Millisecond

// hasHappened looks whether what was about to happen did, and completes it.
func (b *buckets) hasHappened(i *intent) bool {
	out, err := b.HeadObject(context.Background(), &awss3.HeadObjectInput{Bucket: &i.Bucket, Key: &i.Key})
	there := err == nil
	if i.Removed() {
		return !there
	}
	if !there {
		return false
	}
	at := aws.ToTime(out.LastModified)
	if strings.HasPrefix(i.Name, "ObjectCreated:") && at.Before(time.UnixMilli(i.Began).Add(-lag)) {
		return false // it is an earlier one
	}
	i.Size, i.ETag, i.Version, i.Time = aws.ToInt64(out.ContentLength), unquoted(aws.ToString(out.ETag)), aws.ToString(out.VersionId), at.UTC()
	return true
}

func unquoted(etag string) string { return strings.Trim(etag, `"`) }

// settle has an object on the disk. What may not be there is not acknowledged.
func (b *buckets) settle(bucket, key string) error {
	if b.noSync {
		return nil
	}
	path := filepath.Join(b.dir, bucket, filepath.FromSlash(key))
	f, err := os.Open(path)
	if err != nil {
		return nil //nolint:nilerr // another request has removed or replaced it
	}
	err = errors.Join(f.Sync(), f.Close(), syncDir(filepath.Dir(path)))
	if err == nil || errors.Is(err, fs.ErrNotExist) { // its folder went with the object
		return nil
	}
	log.Printf("%s/%s may not be on the disk: %v", bucket, key, err)
	return s3err.GetAPIError(s3err.ErrInternalError)
}

// CreateBucket makes the bucket the service's.
func (b *buckets) CreateBucket(ctx context.Context, in *awss3.CreateBucketInput, acl []byte) error {
	owner := service(account(ctx))
	text, err := json.Marshal(auth.ACL{Owner: owner, Grantees: []auth.Grantee{{Permission: auth.PermissionFullControl, Access: owner, Type: "CanonicalUser"}}})
	if err != nil {
		return err
	}
	err = b.Backend.CreateBucket(ctx, in, text)
	if isCode(err, "BucketAlreadyExists") && b.owner(*in.Bucket) == owner {
		return s3err.GetBucketErr(s3err.ErrBucketAlreadyOwnedByYou, *in.Bucket)
	}
	return err
}

// ListBuckets lists those of the service.
func (b *buckets) ListBuckets(ctx context.Context, in s3response.ListBucketsInput) (s3response.ListAllMyBucketsResult, error) {
	in.Owner = service(account(ctx))
	return b.Backend.ListBuckets(ctx, in)
}
