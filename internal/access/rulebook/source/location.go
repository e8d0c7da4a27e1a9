package source

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// The kinds of places that rules are read from.
const (
	KindFile   = "file"
	KindInline = "inline"
	KindHTTP   = "http"
	KindS3     = "s3"
)

// Location is where rules are, taken apart.
type Location struct {
	Kind string
	// Name is what is shown: without query, which may hold a key, and without what is inline.
	Name string

	path string // file
	text []byte // inline
	url  string // http
	s3   bucket
}

// bucket is an object in an object store that speaks S3.
type bucket struct {
	name, key string
	region    string // empty: the store is asked
	endpoint  string // host and port
	insecure  bool   // plain http
	pathStyle bool   // the bucket stands in the path and not in the host name
}

// Locate takes a URI apart. Errors go on from the name of a setting and repeat nothing that may be secret.
func Locate(uri string) (Location, error) {
	scheme, rest, _ := strings.Cut(uri, "://")
	switch scheme {
	case "file":
		if rest == "" {
			return Location{}, errors.New("names no file: write file:///path/to/rules.yaml")
		}
		return Location{Kind: KindFile, Name: uri, path: rest}, nil
	case "inline":
		text, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(rest, "=")))
		if err != nil || len(text) == 0 {
			return Location{}, errors.New("what follows inline:// is not base64 of rules")
		}
		return Location{Kind: KindInline, Name: "inline://", text: text}, nil
	case "https", "http":
		if err := fetch.CheckURL(uri); err != nil {
			return Location{}, err
		}
		name, _, _ := strings.Cut(uri, "?")
		return Location{Kind: KindHTTP, Name: name, url: uri}, nil
	case "s3":
		return parseBucket(uri)
	}
	return Location{}, errors.New("must begin with file://, inline://, https://, http:// or s3://")
}

// defaultEndpoint is Amazon's.
const defaultEndpoint = "s3.amazonaws.com"

// parseBucket reads s3://bucket/key with the parameters that Oathkeeper's users write: endpoint, region, disableSSL and
// s3ForcePathStyle, the last two also as disable_https and use_path_style.
func parseBucket(uri string) (Location, error) {
	u, err := url.Parse(uri)
	if err != nil || u.User != nil || u.Host == "" || len(u.Path) < 2 {
		return Location{}, errors.New("is not of the form s3://bucket/key?region=…&endpoint=…")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Location{}, errors.New("has a query that cannot be read")
	}
	b := bucket{name: u.Host, key: u.Path[1:], region: query.Get("region"), endpoint: query.Get("endpoint")}
	for name := range query {
		if !slices.Contains([]string{"region", "endpoint", "disableSSL", "disable_https", "s3ForcePathStyle", "use_path_style"}, name) {
			return Location{}, fmt.Errorf("has the unknown parameter %q: known are region, endpoint, disable_https and use_path_style; keys belong into sources[].s3", name)
		}
	}
	if b.insecure, err = flag(query, "disableSSL", "disable_https"); err != nil {
		return Location{}, err
	}
	if b.pathStyle, err = flag(query, "s3ForcePathStyle", "use_path_style"); err != nil {
		return Location{}, err
	}
	if host, ok := strings.CutPrefix(b.endpoint, "http://"); ok {
		b.endpoint, b.insecure = host, true
	}
	b.endpoint = strings.TrimSuffix(strings.TrimPrefix(b.endpoint, "https://"), "/")
	if b.endpoint == "" {
		b.endpoint = defaultEndpoint
	}
	if strings.ContainsAny(b.endpoint, "/@?#") {
		return Location{}, errors.New("has an endpoint that is no host: write minio.example.com or minio.example.com:9000")
	}
	return Location{Kind: KindS3, Name: "s3://" + b.name + "/" + b.key, s3: b}, nil
}

// flag reads a parameter that has two names.
func flag(query url.Values, names ...string) (bool, error) {
	for _, name := range names {
		switch query.Get(name) {
		case "", "false", "0":
		case "true", "1":
			return true, nil
		default:
			return false, fmt.Errorf("%s must be true or false", name)
		}
	}
	return false, nil
}
