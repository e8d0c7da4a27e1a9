package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// ObjectStore says where a store that speaks S3 is, and as whom it is asked.
type ObjectStore struct {
	// Host is the store's, with its port where that is not the usual one.
	Host string
	// Plain asks without TLS.
	Plain bool
	// Region may be empty: then the store is asked for it.
	Region string
	// PathStyle has the bucket's name in the path of its URLs and not in their host.
	PathStyle bool
	// AccessKeyID and what belongs to it; without, keys are looked for where Amazon's own tools look, and where there are none
	// nobody's are used: some buckets are open to all.
	AccessKeyID                   string
	SecretAccessKey, SessionToken secret.String
	// Tries is how often a request is made that fails for no lasting reason.
	Tries int
}

// roleTimeout is for the service that knows the machine's role. Outside of a cloud nobody answers.
const roleTimeout = 2 * time.Second

// Open makes a client of the store. Nothing is asked yet.
func (o ObjectStore) Open() (*minio.Core, error) {
	look := minio.BucketLookupAuto
	if o.PathStyle {
		look = minio.BucketLookupPath
	}
	transport := NewCaller(false).Transport
	keys := credentials.NewStaticV4(o.AccessKeyID, o.SecretAccessKey.Reveal(), o.SessionToken.Reveal())
	if o.AccessKeyID == "" {
		keys = credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{},
			&credentials.IAM{Client: &http.Client{Transport: transport, Timeout: roleTimeout}},
		})
	}
	return minio.NewCore(o.Host, &minio.Options{
		Creds: keys, Secure: !o.Plain, Region: o.Region, BucketLookup: look, Transport: transport, MaxRetries: o.Tries,
	})
}

// StoreError says what a store said, without the URL that was asked, which may be signed. It is nil for nil.
func StoreError(err error) error {
	said, ok := errors.AsType[minio.ErrorResponse](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return WithoutURL(err)
	case said.StatusCode == 0:
		return fmt.Errorf("the object store's answer cannot be read: %s", said.Message)
	default:
		return fmt.Errorf("the object store answers %d %s", said.StatusCode, said.Code)
	}
}
