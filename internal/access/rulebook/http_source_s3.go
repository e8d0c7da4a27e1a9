package rulebook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// bucketReader reads an object from a store that speaks S3.
type bucketReader struct {
	name   string
	store  *minio.Core
	bucket bucket
	limit  int64
	lastRead
}

func newBucketReader(at location, keys S3Config, limit int64) (*bucketReader, error) {
	look := minio.BucketLookupAuto
	if at.s3.pathStyle {
		look = minio.BucketLookupPath
	}
	transport := fetch.NewCaller(false).Transport
	store, err := minio.NewCore(at.s3.endpoint, &minio.Options{
		Creds: bucketKeys(keys, transport), Secure: !at.s3.insecure, Region: at.s3.region, BucketLookup: look, Transport: transport,
		MaxRetries: 1, // whoever asks again later is the Book
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.name, err)
	}
	return &bucketReader{name: at.name, store: store, bucket: at.s3, limit: limit}, nil
}

// roleTimeout is for the service that knows the machine's role. Outside of a cloud nobody answers.
const roleTimeout = 2 * time.Second

// bucketKeys gives the configured keys, else those that are found where Amazon's own tools look, else none: some buckets
// are open to all.
func bucketKeys(keys S3Config, transport http.RoundTripper) *credentials.Credentials {
	if keys.AccessKeyID != "" {
		return credentials.NewStaticV4(keys.AccessKeyID, keys.SecretAccessKey.Reveal(), keys.SessionToken.Reveal())
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Transport: transport, Timeout: roleTimeout}},
	})
}

// read implements reader.
func (r *bucketReader) read(ctx context.Context) ([]access.Rule, error) {
	var o minio.GetObjectOptions
	if r.etag != "" {
		if err := o.SetMatchETagExcept(r.etag); err != nil {
			return nil, err
		}
	}
	body, info, _, err := r.store.GetObject(ctx, r.bucket.name, r.bucket.key, o)
	if err != nil {
		return nil, bucketError(err)
	}
	defer func() { _ = body.Close() }() // it was only read
	text, err := readAtMost(body, r.limit)
	if err != nil {
		return nil, bucketError(err)
	}
	return r.take(r.name, document{Text: text, ETag: info.ETag})
}

// bucketError says what the store said, without the URL that was asked, which may be signed.
func bucketError(err error) error {
	said, ok := errors.AsType[minio.ErrorResponse](err)
	switch {
	case !ok:
		return fetch.WithoutURL(err)
	case said.StatusCode == http.StatusNotModified:
		return errUnchanged
	case said.StatusCode == 0:
		return fmt.Errorf("the object store's answer cannot be read: %s", said.Message)
	default:
		return fmt.Errorf("the object store answers %d %s", said.StatusCode, said.Code)
	}
}
