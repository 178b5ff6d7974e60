package child

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/s3"
)

// iam asks the platform who somebody is and whether they may. It implements
// auth.IAMService, auth.SigningKeyProvider, auth.PolicyEvaluator and
// auth.PrincipalResolver; keys are made and removed elsewhere.
type iam struct {
	parent  *parent
	buckets backend.Backend
	private bool // of the private socket

	mu   sync.Mutex
	keys map[s3.Signature]knownKey
}

type knownKey struct {
	key   *s3.Key
	until time.Time
}

// Bounds of what is remembered of keys.
const (
	keepKeys = time.Second
	maxKeys  = 10_000
)

func newIAM(p *parent, buckets backend.Backend, private bool) *iam {
	return &iam{parent: p, buckets: buckets, private: private, keys: make(map[s3.Signature]knownKey)}
}

// DeriveSigningKey implements auth.SigningKeyProvider.
func (i *iam) DeriveSigningKey(access, sessionToken, date, region, _ string) ([]byte, auth.Account, error) {
	k, err := i.key(s3.Signature{AccessKey: access, Token: sessionToken, Date: date, Region: region, Private: i.private})
	if errors.Is(err, errUnknown) {
		if sessionToken != "" {
			return nil, auth.Account{}, auth.ErrInvalidSessionToken
		}
		return nil, auth.Account{}, auth.ErrNoSuchUser
	}
	if err != nil {
		return nil, auth.Account{}, err
	}
	a := auth.Account{Access: access, Role: auth.RoleUser, SessionToken: sessionToken, IsSession: sessionToken != "", Arn: k.ARN, RoleArn: k.RoleARN}
	if k.All {
		a.Access, a.Role = string(k.Service), auth.RoleAdmin
	}
	return k.Key, a, nil
}

func (i *iam) key(sig s3.Signature) (*s3.Key, error) {
	now := time.Now()
	i.mu.Lock()
	known := i.keys[sig]
	i.mu.Unlock()
	if now.Before(known.until) {
		return known.key, nil
	}
	k := new(s3.Key)
	if err := i.parent.ask(context.Background(), s3.PathKey, sig, k); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.keys) >= maxKeys {
		clear(i.keys)
	}
	i.keys[sig] = knownKey{k, now.Add(keepKeys)}
	return k, nil
}

// EvaluatePolicy implements auth.PolicyEvaluator.
func (i *iam) EvaluatePolicy(access, sessionToken string, actions []auth.Action, resources []string, _ map[string][]string) (out auth.PolicyEvaluation, err error) {
	q := s3.Question{AccessKey: access, Token: sessionToken, Private: i.private}
	for _, a := range actions {
		q.Actions = append(q.Actions, string(a))
	}
	owners := make(map[string]ebb.ServiceID)
	for _, r := range resources {
		bucket, _, _ := strings.Cut(strings.TrimPrefix(r, "arn:aws:s3:::"), "/")
		owner, known := owners[bucket]
		if !known && actions[0] != auth.CreateBucketAction { // whose it will be is asked then
			if owner, err = i.owner(bucket); err != nil {
				return out, err
			}
			owners[bucket] = owner
		}
		q.Resources = append(q.Resources, s3.Resource{ARN: r, Owner: owner})
	}
	var a s3.Answer
	if err := i.parent.ask(context.Background(), s3.PathAuthorize, q, &a); err != nil {
		return out, err
	}
	out.PrincipalArn = a.Principal
	decisions(&out.Decisions, a.Verdicts)
	return out, nil
}

// decisions spells verdicts as auth.PolicyEvaluation does, whose type has no name
// outside: no match, allow and deny in the order of s3's.
func decisions[D ~int](to *[][]D, verdicts [][]int) {
	for _, row := range verdicts {
		var ds []D
		for _, v := range row {
			ds = append(ds, D(v))
		}
		*to = append(*to, ds)
	}
}

// owner is the service whose a bucket is, "" if there is no such bucket.
func (i *iam) owner(bucket string) (ebb.ServiceID, error) {
	if bucket == "" || bucket == "*" {
		return "", nil
	}
	text, err := i.buckets.GetBucketAcl(context.Background(), &awss3.GetBucketAclInput{Bucket: &bucket})
	if isCode(err, "NoSuchBucket") {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	acl, err := auth.ParseACL(text)
	return ebb.ServiceID(acl.Owner), err
}

func isCode(err error, code string) bool {
	said, ok := errors.AsType[s3err.S3Error](err)
	return ok && strings.Contains(string(said.XMLBody("", "")), "<Code>"+code+"</Code>")
}

// ResolvePrincipals implements auth.PrincipalResolver: a policy may name whom it
// likes.
func (*iam) ResolvePrincipals([]string) ([]string, error) { return nil, nil }

// ResolveAccounts implements auth.IAMService: lists of access are off.
func (*iam) ResolveAccounts(ids []string) ([]string, error) { return ids, nil }

// Shutdown implements auth.IAMService.
func (*iam) Shutdown() error { return nil }

// The rest of auth.IAMService makes and removes keys, which is done elsewhere.

func (*iam) CreateAccount(auth.Account) error { return notHere() }

// GetUserAccount implements auth.IAMService.
func (*iam) GetUserAccount(string) (auth.Account, error) { return auth.Account{}, notHere() }

// UpdateUserAccount implements auth.IAMService.
func (*iam) UpdateUserAccount(string, auth.MutableProps) error { return notHere() }

// DeleteUserAccount implements auth.IAMService.
func (*iam) DeleteUserAccount(string) error { return notHere() }

// ListUserAccounts implements auth.IAMService.
func (*iam) ListUserAccounts() ([]auth.Account, error) { return nil, notHere() }

func notHere() error { return s3err.GetAPIError(s3err.ErrAdminMethodNotSupported) }
