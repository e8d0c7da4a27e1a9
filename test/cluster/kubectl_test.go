package cluster

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	repository = "../.."
	chartPath  = repository + "/deploy/chart/gatehouse"
)

// chartFile is the text of a file of the chart.
func chartFile(name string) string {
	raw, err := os.ReadFile(filepath.Join(chartPath, name))
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// The images are imported under the names that the chart gives them, so that examples are installed as they are.
func gatehouseImage() string {
	return regexp.MustCompile(`ghcr\.io/\S+`).FindString(chartFile("values.yaml")) + ":" + regexp.MustCompile(`(?m)^appVersion: (\S+)`).FindStringSubmatch(chartFile("Chart.yaml"))[1]
}

func bundledImage() string {
	return regexp.MustCompile(`docker\.io/\S+`).FindString(chartFile("values.yaml"))
}

// space is a namespace of a test.
type space struct {
	*testing.T
	name string
	// helmProgram is the Helm that is called, of which there are two in use: 4, and helm3.
	helmProgram string
}

// newSpace makes a namespace that takes restricted pods alone. It is gone when the test ends; before that, a failed test tells what is
// in it.
func newSpace(t *testing.T, name string) *space {
	t.Helper()
	s := &space{T: t, name: name, helmProgram: "helm"}
	s.apply(fmt.Sprintf(`{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {pod-security.kubernetes.io/enforce: restricted}}}`, name))
	begun := time.Now()
	t.Cleanup(func() {
		if t.Failed() {
			s.report()
		}
		t.Logf("took %.0f s", time.Since(begun).Seconds())
		if out, err := s.try("", "kubectl", "delete", "namespace", name, "--timeout="+patience.String()); err != nil {
			t.Errorf("removing the namespace: %v: %s", err, out)
		}
		freeVolumes(s)
	})
	return s
}

// freeVolumes has the volumes that were used be taken again, empty.
func freeVolumes(s *space) {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ Local struct{ Path string } }
			Status   struct{ Phase string }
		}
	}
	s.json(&list, "get", "persistentvolumes")
	for _, v := range list.Items {
		if v.Status.Phase != "Released" {
			continue
		}
		if err := os.RemoveAll(v.Spec.Local.Path); err != nil {
			s.Error(err)
		}
		if err := os.MkdirAll(v.Spec.Local.Path, 0o755); err != nil {
			s.Error(err)
		}
		s.kubectl("patch", "persistentvolume", v.Metadata.Name, "--type=json", `-p=[{"op": "remove", "path": "/spec/claimRef"}]`)
	}
}

// report logs what a person would look at first.
func (s *space) report() {
	for _, args := range [][]string{
		{"get", "pods,jobs,persistentvolumeclaims,services", "-o", "wide"}, {"get", "events", "--sort-by=.lastTimestamp"},
		{"logs", "--selector=app.kubernetes.io/part-of=gatehouse", "--all-containers", "--prefix", "--tail=25", "--ignore-errors"},
	} {
		out, _ := s.try("", "kubectl", append([]string{"-n", s.name}, args...)...)
		s.Logf("kubectl %s\n%s", strings.Join(args, " "), out)
	}
}

// try runs kubectl or helm, with something to read.
func (s *space) try(input, name string, args ...string) (string, error) {
	var out, failed bytes.Buffer
	cmd := exec.Command(name, args...) // also after the test has ended
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &failed
	cmd.Env = append(os.Environ(), "HOME="+directory)
	if err := cmd.Run(); err != nil {
		return out.String() + failed.String(), fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return out.String(), nil
}

// kubectl runs a command in the namespace, which has to succeed.
func (s *space) kubectl(args ...string) string {
	s.Helper()
	out, err := s.try("", "kubectl", append([]string{"-n", s.name}, args...)...)
	if err != nil {
		s.Fatalf("%v: %s", err, out)
	}
	return out
}

// apply makes objects from manifests.
func (s *space) apply(manifests string) {
	s.Helper()
	if out, err := s.try(manifests, "kubectl", "-n", s.name, "apply", "-f", "-"); err != nil {
		s.Fatalf("%v: %s", err, out)
	}
}

// define makes the cluster know kinds of objects of other operators, on which nobody acts.
func (s *space) define() {
	s.Helper()
	s.apply(read(s.T, "testdata/definitions.yaml"))
	s.kubectl("wait", "--for=condition=Established", "customresourcedefinitions", "--all", "--timeout="+patience.String())
}

// json reads what a command of kubectl prints.
func (s *space) json(into any, args ...string) {
	s.Helper()
	if err := json.Unmarshal([]byte(s.kubectl(append(args, "-o", "json")...)), into); err != nil {
		s.Fatal(err)
	}
}

// secret is what a Secret holds; nil when there is none.
func (s *space) secret(name string) map[string]string {
	s.Helper()
	var secret struct{ Data map[string]string }
	out := s.kubectl("get", "secret", name, "--ignore-not-found", "-o", "json")
	if out == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(out), &secret); err != nil {
		s.Fatal(err)
	}
	for key, value := range secret.Data {
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			s.Fatal(err)
		}
		secret.Data[key] = string(raw)
	}
	return secret.Data
}

// makeSecret makes a Secret from texts; its values are not among the arguments of any process.
func (s *space) makeSecret(name, kind string, data map[string]string) {
	s.Helper()
	raw, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]string{"name": name}, "type": kind, "stringData": data})
	if err != nil {
		s.Fatal(err)
	}
	s.apply(string(raw))
}

// helm runs a command of helm in the namespace, which has to succeed.
func (s *space) helm(args ...string) string {
	s.Helper()
	out, err := s.try("", s.helmProgram, append([]string{"-n", s.name}, args...)...)
	if err != nil {
		s.Fatalf("%v: %s", err, out)
	}
	return out
}

// install installs or upgrades the chart as release gatehouse, and waits until all of it is ready.
func (s *space) install(args ...string) string {
	s.Helper()
	begun := time.Now()
	out := s.helm(append([]string{"upgrade", "--install", "gatehouse", chartPath, "--wait", "--timeout", patience.String()}, args...)...)
	s.Logf("%s upgrade --install %s: ready after %.0f s", s.helmProgram, strings.Join(args, " "), time.Since(begun).Seconds())
	return out
}

// try the release as `helm test` does.
func (s *space) helmTest() {
	s.Helper()
	if out := s.helm("test", "gatehouse", "--timeout", patience.String()); !strings.Contains(out, "Succeeded") {
		s.Errorf("helm test: %s", out)
	}
}

// noRestarts fails the test if a container of the namespace was started more than once: what has to come first is waited for.
func (s *space) noRestarts() {
	s.Helper()
	type container struct {
		Name         string
		RestartCount int
	}
	var pods struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct{ InitContainerStatuses, ContainerStatuses []container }
		}
	}
	s.json(&pods, "get", "pods")
	for _, pod := range pods.Items {
		for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if c.RestartCount > 0 {
				s.Errorf("%s of %s was restarted %d times: %s", c.Name, pod.Metadata.Name, c.RestartCount,
					s.kubectl("logs", pod.Metadata.Name, "-c", c.Name, "--previous", "--tail=10"))
			}
		}
	}
}

// eventually waits until a condition holds; what it last said is in the failure.
func (s *space) eventually(holds func() (ok bool, seen string)) {
	s.Helper()
	var seen string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		var ok bool
		if ok, seen = holds(); ok {
			return
		}
	}
	s.Fatalf("what the test waits for did not happen within %s; last seen: %s", patience, seen)
}

// example is the path of a values file of deploy/examples/kubernetes.
func example(name string) string {
	return filepath.Join(repository, "deploy/examples/kubernetes", name)
}
