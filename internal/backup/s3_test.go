package backup_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/objectstore"
)

// newStore is an object store that believes nobody without a signature.
func newStore(t *testing.T) (*objectstore.Bucket, string) {
	b := &objectstore.Bucket{Path: "/kept/", Admits: signed}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	return b, server.URL
}

// signed computes the signature of a request anew (AWS Signature Version 4), from what it says is signed.
func signed(r *http.Request) bool {
	authorization := r.Header.Get("Authorization")
	_, scope, _ := strings.Cut(authorization, "Credential=keeper/")
	scope, rest, _ := strings.Cut(scope, ",")
	_, names, _ := strings.Cut(rest, "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	_, got, _ := strings.Cut(authorization, "Signature=")
	parts := strings.Split(scope, "/") // day, region, service, aws4_request
	if len(parts) != 4 || parts[1] != "eu-1" || parts[2] != "s3" {
		return false
	}
	var headers strings.Builder
	for name := range strings.SplitSeq(names, ";") {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20"), headers.String(), names, r.Header.Get("X-Amz-Content-Sha256")}, "\n")
	hash := sha256.Sum256([]byte(canonical))
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + hex.EncodeToString(hash[:])
	key := []byte("AWS4the-secret")
	for _, part := range append(parts, text) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return got == hex.EncodeToString(key)
}

// A bucket beside a directory gets every backup, is read when the directory is gone, and is not needed for the other to get one.
func TestAnObjectStore(t *testing.T) {
	db, p := testkit.SQLite(t, "management"), newPlace(t)
	s, address := newStore(t)
	at := backup.DestinationConfig{Name: "bucket", S3: backup.S3Config{
		Bucket: "kept", Prefix: "team/", Region: "eu-1", Endpoint: address, PathStyle: true, AccessKeyID: "keeper", SecretAccessKey: "the-secret",
	}}
	reopen := func() {
		t.Helper()
		p.Config.Destinations = []backup.DestinationConfig{p.Config.Destinations[0], at}
		if faults := p.Config.Validate(); len(faults) > 0 {
			t.Fatal(faults)
		}
		to, err := p.Config.Open()
		if err != nil {
			t.Fatal(err)
		}
		p.Destinations = to
	}
	reopen()
	add(t, db, "first", 3000)
	p.create(t, db, backup.CreateOptions{})
	add(t, db, "second", 100)
	made := p.create(t, db, backup.CreateOptions{})
	if made.Kind != backup.Incremental || len(made.Destinations) != 2 || len(s.Keys()) != 6 {
		t.Errorf("%+v, %d objects", made, len(s.Keys()))
	}
	if err := os.RemoveAll(p.dirs[0]); err != nil {
		t.Fatal(err)
	}
	target := testkit.SQLite(t, "management")
	done, err := p.Restore(t.Context(), p.into(target, backup.RestoreOptions{}, false), p.keys)
	if err != nil || done.From != "bucket" || count(t, target, "") != 3100 {
		t.Errorf("%+v %v", done, err)
	}
	at.S3.SecretAccessKey = "another-secret"
	reopen()
	made, err = p.Create(t.Context(), reading(db), backup.CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), "403") || strings.Contains(err.Error(), "another-secret") || made == nil || made.Kind != backup.Full {
		t.Errorf("with another key: %+v %v", made, err)
	}
}
