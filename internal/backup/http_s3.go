package backup

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// bucket is a Destination in an object store that speaks S3.
type bucket struct {
	name, bucket, prefix string
	store                *minio.Core
}

// partSize is how much of an upload is kept in memory, and sent at a time. A store takes 10,000 parts, so a backup may have 160 GB.
const partSize = 16 << 20

// openBucket makes the client; nothing is asked yet.
func openBucket(c DestinationConfig) (*bucket, error) {
	endpoint, plain := strings.CutPrefix(c.S3.Endpoint, "http://")
	endpoint = strings.TrimSuffix(strings.TrimPrefix(endpoint, "https://"), "/")
	if endpoint == "" {
		endpoint = "s3.amazonaws.com"
	}
	key, err := c.S3.key()
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w", c.Name, err)
	}
	store, err := fetch.ObjectStore{
		Host: endpoint, Plain: plain, Region: c.S3.Region, PathStyle: c.S3.PathStyle,
		AccessKeyID: c.S3.AccessKeyID, SecretAccessKey: key, SessionToken: c.S3.SessionToken, Tries: 3,
	}.Open()
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w", c.Name, err)
	}
	b := &bucket{name: c.Name, bucket: c.S3.Bucket, store: store, prefix: strings.Trim(c.S3.Prefix, "/")}
	if b.prefix != "" {
		b.prefix += "/"
	}
	return b, nil
}

// Name implements Destination.
func (b *bucket) Name() string { return b.name }

// List implements Destination.
func (b *bucket) List(ctx context.Context) ([]string, error) {
	var names []string
	for object := range b.store.Client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix + prefix}) {
		if object.Err != nil {
			return nil, fetch.StoreError(object.Err)
		}
		names = append(names, strings.TrimPrefix(object.Key, b.prefix))
	}
	return names, nil
}

// Open implements Destination.
func (b *bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	content, _, _, err := b.store.GetObject(ctx, b.bucket, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, fetch.StoreError(err)
	}
	return content, nil
}

// Put implements Destination. An object appears when its last part is there.
func (b *bucket) Put(ctx context.Context, name string, content io.Reader) error {
	_, err := b.store.Client.PutObject(ctx, b.bucket, b.prefix+name, content, -1, minio.PutObjectOptions{
		PartSize: partSize, ContentType: "application/octet-stream", SendContentMd5: true,
	})
	return fetch.StoreError(err)
}

// Remove implements Destination.
func (b *bucket) Remove(ctx context.Context, name string) error {
	return fetch.StoreError(b.store.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{}))
}
