package objectstore

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Bucket is a bucket, empty at first.
type Bucket struct {
	// Path is what requests' paths begin with before the key of an object, such as "/bucket/".
	Path string
	// Admits tells who may ask; the others are refused.
	Admits func(*http.Request) bool

	mu      sync.Mutex
	objects map[string][]byte
	uploads map[string]map[int][]byte
}

// Keys are those of the objects, sorted.
func (b *Bucket) Keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

// ServeHTTP implements http.Handler.
func (b *Bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !b.Admits(r) {
		refuse(w, http.StatusForbidden, "AccessDenied")
		return
	}
	body, err := content(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.objects == nil {
		b.objects, b.uploads = map[string][]byte{}, map[string]map[int][]byte{}
	}
	key, query := strings.TrimPrefix(r.URL.Path, b.Path), r.URL.Query()
	switch {
	case query.Has("uploads") || query.Has("uploadId"):
		b.upload(w, r.Method, key, query, body)
	case r.Method == http.MethodPut:
		b.objects[key] = body
		w.Header().Set("ETag", `"whole"`)
	case r.Method == http.MethodDelete:
		delete(b.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case query.Has("list-type"):
		b.list(w, query.Get("prefix"))
	default:
		b.get(w, key)
	}
}

// upload is a step of what comes in parts.
func (b *Bucket) upload(w http.ResponseWriter, method, key string, query url.Values, body []byte) {
	id := query.Get("uploadId")
	parts := b.uploads[id]
	switch {
	case method == http.MethodPost && id == "":
		id = fmt.Sprint("upload", len(b.uploads))
		b.uploads[id] = map[int][]byte{}
		_, _ = fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case parts == nil:
		refuse(w, http.StatusNotFound, "NoSuchUpload")
	case method == http.MethodPut:
		n, _ := strconv.Atoi(query.Get("partNumber"))
		parts[n] = body
		w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprint("part", n)))
	case method == http.MethodPost:
		var whole []byte
		for _, n := range slices.Sorted(maps.Keys(parts)) {
			whole = append(whole, parts[n]...)
		}
		b.objects[key] = whole
		_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><Bucket>kept</Bucket><ETag>"whole"</ETag></CompleteMultipartUploadResult>`)
	default: // given up
		b.uploads[id] = nil
		w.WriteHeader(http.StatusNoContent)
	}
}

func (b *Bucket) get(w http.ResponseWriter, key string) {
	object, there := b.objects[key]
	if !there {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("ETag", `"whole"`)
	w.Header().Set("Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT")
	_, _ = w.Write(object)
}

func (b *Bucket) list(w io.Writer, prefix string) {
	type object struct {
		Key  string
		Size int
	}
	var found struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []object
	}
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if strings.HasPrefix(key, prefix) {
			found.Contents = append(found.Contents, object{key, len(b.objects[key])})
		}
	}
	_ = xml.NewEncoder(w).Encode(found)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code></Error>")
}

// content is a request's body, without the signatures and sums between its parts, which AWS calls aws-chunked.
func content(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("X-Amz-Decoded-Content-Length") == "" {
		return body, err
	}
	var whole []byte
	for chunks := bufio.NewReader(bytes.NewReader(body)); ; {
		line, err := chunks.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseUint(size, 16, 32)
		if err != nil || n == 0 {
			return whole, err
		}
		chunk := make([]byte, n)
		if _, err := io.ReadFull(chunks, chunk); err != nil {
			return nil, err
		}
		if _, err := chunks.Discard(2); err != nil { // the end of its line
			return nil, err
		}
		whole = append(whole, chunk...)
	}
}
