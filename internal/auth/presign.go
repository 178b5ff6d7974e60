package auth

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Presign returns rawURL (absolute) with a query that lets whoever holds it
// make that one request without a body, as root, until expires from now.
func (a *Auth) Presign(ctx context.Context, method, rawURL, service string, expires time.Duration) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, rawURL, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("auth: presign: %w", err)
	}
	q := r.URL.Query()
	q.Set("X-Amz-Expires", strconv.Itoa(int(expires/time.Second)))
	r.URL.RawQuery = q.Encode()
	key := aws.Credentials{
		AccessKeyID:     a.root.credentials.AccessKeyID,
		SecretAccessKey: a.root.credentials.SecretAccessKey,
	}
	hash := emptyHash
	if service == serviceS3 {
		hash = unsignedPayload
	}
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, key, r, hash, service, a.root.cfg.Region, a.root.cfg.Now(),
		func(o *v4.SignerOptions) {
			o.DisableURIPathEscaping, o.DisableHeaderHoisting = service == serviceS3, true
		})
	if err != nil {
		return "", fmt.Errorf("auth: presign: %w", err)
	}
	return signed, nil
}
