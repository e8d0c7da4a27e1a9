package cluster

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// backups are those of a release, in the two buckets that examples name.
type backups struct {
	*space
	near, far *bucket
	// values are added to an example: the public key, where the private one is, and whom to believe.
	values []string
}

// newBackups makes empty buckets, the Secrets with which they are reached, and a pair of keys.
func newBackups(s *space, world *internet) *backups {
	s.Helper()
	b := &backups{space: s, near: newBucket("eu-central-1"), far: newBucket("eu-west-1")}
	world.Handle(nearHost+"/", b.near)
	world.Handle(farHost+"/", b.far)
	identity, err := exec.Command("age-keygen").Output()
	if err != nil {
		s.Fatal(err)
	}
	recipient := regexp.MustCompile(`age1\w+`).FindString(string(identity))
	s.makeSecret("gatehouse-backup-identity", "Opaque", map[string]string{"backup.key": string(identity)})
	s.makeSecret("outside", "Opaque", map[string]string{"ca.crt": world.authority})
	s.makeSecret("gatehouse-backup", "Opaque", map[string]string{"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": "nothing", "SSL_CERT_DIR": "/run/secrets/outside"})
	b.values = []string{"--set", "backup.enabled=true", "--set", "backup.recipients={" + recipient + "}", "--set", "backup.existingSecret=gatehouse-backup",
		"--set", "backup.drill.enabled=true", "--set", "backup.drill.identitySecret=gatehouse-backup-identity",
		"--set-json", `backup.destinations=[{"name": "near", "s3": {"bucket": "gatehouse-backups", "region": "eu-central-1"}}, {"name": "far", "s3": {"bucket": "gatehouse-backups-far", "region": "eu-west-1"}}]`,
		"--set-json", `backup.extraVolumes=[{"name": "outside", "secret": {"secretName": "outside"}}]`,
		"--set-json", `backup.extraVolumeMounts=[{"name": "outside", "mountPath": "/run/secrets/outside", "readOnly": true}]`}
	return b
}

// tryOut runs both CronJobs now: the buckets have the same backup then, and it has been restored.
func (b *backups) tryOut() {
	b.Helper()
	b.runNow("gatehouse-backup")
	near, far := b.near.names(), b.far.names()
	if len(near) == 0 || strings.Join(near, " ") != strings.Join(far, " ") {
		b.Errorf("one bucket has %v, the other %v", near, far)
	}
	out := b.runNow("gatehouse-drill")
	for _, names := range [][]string{b.near.names(), b.far.names()} {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, ".drill") }) {
			b.Errorf("no record of the drill is among %v; it says %s", names, out)
		}
	}
}

// runNow makes a Job of a CronJob, which has to succeed, and gives what it printed.
func (s *space) runNow(name string) string {
	s.Helper()
	job := name + "-now"
	s.kubectl("create", "job", job, "--from=cronjob/"+name)
	var status struct {
		Status struct{ Succeeded, Failed int }
	}
	s.eventually(func() (bool, string) {
		s.json(&status, "get", "job", job)
		return status.Status.Succeeded+status.Status.Failed > 0, "the Job " + job + " has not ended"
	})
	out := s.kubectl("logs", "job/"+job, "--all-containers")
	if status.Status.Failed > 0 {
		s.Fatalf("the Job %s failed: %s", job, out)
	}
	return out
}

// bucket speaks as much of S3 as is asked of it. Whether signatures are right is for other tests: here, pods have to know the key and
// the region.
type bucket struct {
	scope   *regexp.Regexp // of signatures
	mu      sync.Mutex
	objects map[string][]byte
	uploads map[string]map[int][]byte
}

const accessKey = "keeper"

func newBucket(region string) *bucket {
	return &bucket{scope: regexp.MustCompile(`Credential=` + accessKey + `/\d+/` + region + `/s3/`), objects: map[string][]byte{}, uploads: map[string]map[int][]byte{}}
}

// names are the objects', sorted.
func (b *bucket) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, err := content(r)
	if err != nil || !b.scope.MatchString(r.Header.Get("Authorization")) {
		http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
		return
	}
	key, query := strings.TrimPrefix(r.URL.Path, "/"), r.URL.Query()
	upload := query.Get("uploadId")
	w.Header().Set("ETag", `"whole"`)
	switch {
	case r.Method == http.MethodGet && query.Has("list-type"):
		b.list(w, query.Get("prefix"))
	case r.Method == http.MethodPost && query.Has("uploads"):
		upload = fmt.Sprint("upload", len(b.uploads))
		b.uploads[upload] = map[int][]byte{}
		_, _ = fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", upload)
	case r.Method == http.MethodPut && upload != "":
		n, _ := strconv.Atoi(query.Get("partNumber"))
		b.uploads[upload][n] = body
	case r.Method == http.MethodPost && upload != "":
		var all []byte
		for n := 1; n <= len(b.uploads[upload]); n++ {
			all = append(all, b.uploads[upload][n]...)
		}
		b.objects[key] = all
		_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><Bucket>kept</Bucket><ETag>"whole"</ETag></CompleteMultipartUploadResult>`)
	case r.Method == http.MethodPut:
		b.objects[key] = body
	default:
		object, there := b.objects[key]
		if !there {
			http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
			return
		}
		w.Header().Set("Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT")
		_, _ = w.Write(object)
	}
}

func (b *bucket) list(w io.Writer, prefix string) {
	type object struct {
		Key  string
		Size int
	}
	var found struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []object
	}
	for key, content := range b.objects {
		if strings.HasPrefix(key, prefix) {
			found.Contents = append(found.Contents, object{key, len(content)})
		}
	}
	_ = xml.NewEncoder(w).Encode(found)
}

// content is a request's body, without the sums between its parts, which AWS calls aws-chunked.
func content(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("X-Amz-Decoded-Content-Length") == "" {
		return body, err
	}
	var whole []byte
	for parts := bufio.NewReader(bytes.NewReader(body)); ; {
		line, err := parts.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseUint(size, 16, 32)
		if err != nil || n == 0 {
			return whole, err
		}
		part := make([]byte, n)
		if _, err := io.ReadFull(parts, part); err != nil {
			return nil, err
		}
		if _, err := parts.Discard(2); err != nil { // the end of its line
			return nil, err
		}
		whole = append(whole, part...)
	}
}
