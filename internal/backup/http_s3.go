package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// bucket is a Destination in an object store that speaks S3.
type bucket struct {
	name, bucket, prefix string
	store                *minio.Client
}

// partSize is how much of an upload is kept in memory, and sent at a time. A store takes 10,000 parts, so a backup may have 160 GB.
const partSize = 16 << 20

// openBucket makes the client; nothing is asked yet.
func openBucket(c DestinationConfig) (*bucket, error) {
	look := minio.BucketLookupAuto
	if c.S3.PathStyle {
		look = minio.BucketLookupPath
	}
	endpoint, plain := strings.CutPrefix(c.S3.Endpoint, "http://")
	endpoint = strings.TrimSuffix(strings.TrimPrefix(endpoint, "https://"), "/")
	if endpoint == "" {
		endpoint = "s3.amazonaws.com"
	}
	transport := fetch.NewCaller(false).Transport
	store, err := minio.New(endpoint, &minio.Options{
		Creds: bucketKeys(c.S3, transport), Secure: !plain, Region: c.S3.Region, BucketLookup: look, Transport: transport, MaxRetries: 3,
	})
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w", c.Name, err)
	}
	b := &bucket{name: c.Name, bucket: c.S3.Bucket, store: store, prefix: strings.Trim(c.S3.Prefix, "/")}
	if b.prefix != "" {
		b.prefix += "/"
	}
	return b, nil
}

// roleTimeout is for the service that knows the machine's role. Outside of a cloud nobody answers.
const roleTimeout = 2 * time.Second

// bucketKeys gives the configured keys, else those that are found where Amazon's own tools look.
func bucketKeys(c S3Config, transport http.RoundTripper) *credentials.Credentials {
	if c.AccessKeyID != "" {
		return credentials.NewStaticV4(c.AccessKeyID, c.SecretAccessKey.Reveal(), c.SessionToken.Reveal())
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Transport: transport, Timeout: roleTimeout}},
	})
}

// Name implements Destination.
func (b *bucket) Name() string { return b.name }

// List implements Destination.
func (b *bucket) List(ctx context.Context) ([]string, error) {
	var names []string
	for object := range b.store.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix + prefix}) {
		if object.Err != nil {
			return nil, storeError(object.Err)
		}
		names = append(names, strings.TrimPrefix(object.Key, b.prefix))
	}
	return names, nil
}

// Open implements Destination.
func (b *bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	core := minio.Core{Client: b.store}
	content, _, _, err := core.GetObject(ctx, b.bucket, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, storeError(err)
	}
	return content, nil
}

// Put implements Destination. An object appears when its last part is there.
func (b *bucket) Put(ctx context.Context, name string, content io.Reader) error {
	_, err := b.store.PutObject(ctx, b.bucket, b.prefix+name, content, -1, minio.PutObjectOptions{
		PartSize: partSize, ContentType: "application/octet-stream", SendContentMd5: true,
	})
	return storeError(err)
}

// Remove implements Destination.
func (b *bucket) Remove(ctx context.Context, name string) error {
	return storeError(b.store.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{}))
}

// storeError says what the store said, without the URL that was asked, which may be signed.
func storeError(err error) error {
	said, ok := errors.AsType[minio.ErrorResponse](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return fetch.WithoutURL(err)
	case said.StatusCode == 0:
		return fmt.Errorf("the object store's answer cannot be read: %s", said.Message)
	default:
		return fmt.Errorf("the object store answers %d %s", said.StatusCode, said.Code)
	}
}
