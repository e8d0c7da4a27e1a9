package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"

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

func newBucketReader(at Location, keys S3Config, limit int64) (*bucketReader, error) {
	store, err := fetch.ObjectStore{
		Host: at.s3.endpoint, Plain: at.s3.insecure, Region: at.s3.region, PathStyle: at.s3.pathStyle,
		AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken,
		Tries: 1, // whoever asks again later is the Book
	}.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.Name, err)
	}
	return &bucketReader{name: at.Name, store: store, bucket: at.s3, limit: limit}, nil
}

// Read implements Reader.
func (r *bucketReader) Read(ctx context.Context) ([]access.Rule, error) {
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
	text, err := ReadAtMost(body, r.limit)
	if err != nil {
		return nil, bucketError(err)
	}
	return r.take(r.name, Document{Text: text, ETag: info.ETag})
}

// bucketError is fetch.StoreError, and ErrUnchanged where the store says that.
func bucketError(err error) error {
	if said, ok := errors.AsType[minio.ErrorResponse](err); ok && said.StatusCode == http.StatusNotModified {
		return ErrUnchanged
	}
	return fetch.StoreError(err)
}
