package backup_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// store is an object store that speaks as much of S3 as is asked of it, and believes nobody without a signature.
type store struct {
	mu      sync.Mutex
	objects map[string][]byte
	parts   map[string]map[int][]byte
	down    bool
}

func newStore(t *testing.T) (*store, string) {
	s := &store{objects: map[string][]byte{}, parts: map[string]map[int][]byte{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil || s.down:
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
		return
	case !signed(r):
		refuse(w, http.StatusForbidden, "SignatureDoesNotMatch")
		return
	}
	if r.Header.Get("X-Amz-Decoded-Content-Length") != "" {
		body = unchunked(body)
	}
	key, query := strings.TrimPrefix(r.URL.Path, "/kept/"), r.URL.Query()
	switch {
	case r.Method == http.MethodGet && query.Has("list-type"):
		s.list(w, query.Get("prefix"))
	case r.Method == http.MethodPost && query.Has("uploads"):
		id := fmt.Sprint("upload", len(s.parts))
		s.parts[id] = map[int][]byte{}
		_, _ = fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == http.MethodPut && query.Has("uploadId"):
		n, _ := strconv.Atoi(query.Get("partNumber"))
		s.parts[query.Get("uploadId")][n] = body
		w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprint("part", n)))
	case r.Method == http.MethodPost && query.Has("uploadId"):
		var all []byte
		for n := 1; n <= len(s.parts[query.Get("uploadId")]); n++ {
			all = append(all, s.parts[query.Get("uploadId")][n]...)
		}
		s.objects[key] = all
		_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><Bucket>kept</Bucket><ETag>"whole"</ETag></CompleteMultipartUploadResult>`)
	case r.Method == http.MethodPut:
		s.objects[key] = body
		w.Header().Set("ETag", `"whole"`)
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		content, there := s.objects[key]
		if !there {
			refuse(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Header().Set("ETag", `"whole"`)
		w.Header().Set("Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT")
		_, _ = w.Write(content)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code></Error>")
}

func (s *store) list(w http.ResponseWriter, prefix string) {
	type object struct {
		Key  string
		Size int
	}
	var found struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []object
	}
	for key, content := range s.objects {
		if strings.HasPrefix(key, prefix) {
			found.Contents = append(found.Contents, object{key, len(content)})
		}
	}
	_ = xml.NewEncoder(w).Encode(found)
}

// unchunked takes the signatures of chunks out of a body.
func unchunked(body []byte) (content []byte) {
	r := bufio.NewReader(bytes.NewReader(body))
	for {
		line, err := r.ReadString('\n')
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, e := strconv.ParseInt(size, 16, 64)
		if err != nil || e != nil || n == 0 {
			return content
		}
		chunk := make([]byte, n)
		_, _ = io.ReadFull(r, chunk)
		_, _ = r.Discard(2)
		content = append(content, chunk...)
	}
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
	if made.Kind != backup.Incremental || len(made.Destinations) != 2 || len(s.objects) != 6 {
		t.Errorf("%+v, %d objects", made, len(s.objects))
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
