package cluster

import (
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/test/objectstore"
)

// backups are those of a release, in the two buckets that examples name.
type backups struct {
	*space
	near, far *objectstore.Bucket
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
	near, far := b.near.Keys(), b.far.Keys()
	if len(near) == 0 || strings.Join(near, " ") != strings.Join(far, " ") {
		b.Errorf("one bucket has %v, the other %v", near, far)
	}
	out := b.runNow("gatehouse-drill")
	for _, names := range [][]string{b.near.Keys(), b.far.Keys()} {
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

const accessKey = "keeper"

// newBucket is an object store of a region. Whether signatures are right is for other tests: here, pods have to know the key and the region.
func newBucket(region string) *objectstore.Bucket {
	scope := regexp.MustCompile(`Credential=` + accessKey + `/\d+/` + region + `/s3/`)
	return &objectstore.Bucket{Path: "/", Admits: func(r *http.Request) bool { return scope.MatchString(r.Header.Get("Authorization")) }}
}
