package chart

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gatehouse-iam/gatehouse/test/pki"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// The notes say what was installed, what of it is not for production, and what comes next.
func TestNotes(t *testing.T) {
	for name, tc := range map[string]struct {
		values values
		has    []string
		lacks  string
	}{
		"development": {values{}, []string{"development profile", "in memory: lost with the pod", "Not ready for production", "no backups", "/gatehouse clients create"}, "ADMIN LISTENER"},
		"bundled":     {example(t, "production-bundled.yaml"), []string{"production profile", "PostgreSQL in the cluster", "is one pod", "backup.drill.enabled", "admin keys create"}, "in memory"},
		"hardened":    {example(t, "production-hardened.yaml"), []string{"postgres at db-a.example.com", "helm -n iam test"}, "Not ready"},
		"exposed": {read(t, minimal("production", "postgres")+"ingress: {enabled: true, admin: {host: admin.example.com, acknowledge: strangers may try keys}}"),
			[]string{"THE ADMIN LISTENER IS BEHIND THE INGRESS"}, "bundled"},
	} {
		notes := mustRender(t, tc.values).notes
		for _, want := range tc.has {
			if !strings.Contains(notes, want) {
				t.Errorf("%s: nothing of %q in\n%s", name, want, notes)
			}
		}
		if strings.Contains(notes, tc.lacks) {
			t.Errorf("%s: %q in\n%s", name, tc.lacks, notes)
		}
	}
}

// commandsOf are the commands that a text has on lines of their own, which may go on behind a backslash, and those that it quotes.
func commandsOf(notes string) []string {
	var all []string
	for _, found := range regexp.MustCompile("(?m)^  ((?:kubectl|helm) (?:.*\\\\\n)*.*)$|`((?:kubectl|helm) [^`]*)`").FindAllStringSubmatch(notes, -1) {
		all = append(all, found[1]+found[2])
	}
	return all
}

// wordsOf has a shell split a command, which has to be one.
func wordsOf(t *testing.T, command string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\0' `+command).Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// noted is a release whose pods are there and run nowhere: what reaches one of their containers gets as far as to the node that it has not.
type noted struct {
	*installed
	*rendered
	kubeconfig string
	ran        map[string]bool
}

// What notes tell somebody to run is so: kubectl takes it, and finds the objects and containers that it is about, Helm's tests are there, and
// what runs within a pod has its files there, and works.
func TestCommandsOfNotes(t *testing.T) {
	cases := map[string]values{"copied": in(t, "bundled", "  copyFrom: http://gatehouse-admin.notes-copied.svc:4445\n"), "a key of its own": read(t, minimal("development", "memory")+"controller: {enabled: true}")}
	for _, name := range exampleNames(t) {
		cases[name] = example(t, name)
	}
	ran := map[string]bool{}
	for name, given := range cases {
		t.Run(name, func(t *testing.T) {
			i := newInstalled(t, "notes-"+strings.Trim(regexp.MustCompile("[^a-z]+").ReplaceAllString(name, "-"), "-"))
			n := &noted{installed: i, kubeconfig: filepath.Join(t.TempDir(), "kubeconfig"), ran: ran}
			if err := os.WriteFile(n.kubeconfig, i.env.KubeConfig, 0o600); err != nil {
				t.Fatal(err)
			}
			n.rendered = i.upgrade(given)
			pods, err := strconv.Atoi(n.find("Deployment", release).text("spec", "replicas"))
			if err != nil {
				pods = 1 // what the API server makes of none
			}
			i.runs(pods, pods, pods, 0)
			n.makePods()
			for _, command := range commandsOf(n.notes) {
				n.run(command)
			}
		})
	}
	for _, kind := range []string{"kubectl rollout", "kubectl exec", "kubectl logs", "kubectl apply", "helm test", "helm show", "/gatehouse admin", "/gatehouse clients", "/gatehouse clients with TLS"} {
		if !ran[kind] {
			t.Errorf("no notes have a command %s: %v", kind, ran)
		}
	}
}

// makePods makes a pod of the Deployment of servers, and of each Job.
func (n *noted) makePods() {
	n.Helper()
	for where, pod := range podsOf(n.rendered) {
		kind, name, _ := strings.Cut(where, " ")
		if where != "Deployment "+release && kind != "Job" {
			continue
		}
		labels, _ := pod.at("metadata", "labels").(map[string]any)
		o := map[string]any{"apiVersion": "v1", "kind": "Pod", "spec": pod["spec"], "metadata": map[string]any{"name": name, "namespace": n.namespace, "labels": labels}}
		if err := n.Create(n.Context(), &unstructured.Unstructured{Object: o}); err != nil {
			n.Fatal(err)
		}
	}
}

func (n *noted) run(command string) {
	n.Helper()
	words := wordsOf(n.T, command)
	verb := slices.IndexFunc(words[1:], func(w string) bool { return !strings.HasPrefix(w, "-") && w != n.namespace }) + 1
	kind := words[0] + " " + words[verb]
	n.ran[kind] = true
	if at := slices.Index(words, "-n"); at >= 0 && words[at+1] != n.namespace {
		n.Errorf("%s is about another namespace", command)
	}
	switch kind {
	case "helm test":
		tested := slices.ContainsFunc(n.ofKind("Pod"), func(o object) bool { return o.text("metadata", "annotations", "helm.sh/hook") == "test" })
		if !tested || !slices.Equal(words, []string{"helm", "-n", n.namespace, "test", release}) {
			n.Errorf("%s: there is a test: %v", command, tested)
		}
	case "helm show", "helm uninstall":
		if command != "helm show crds" && command != "helm uninstall" {
			n.Error(command)
		}
	case "kubectl apply":
		n.kubectl(definitions(n.T), words[1:]...)
	case "kubectl exec":
		inside := slices.Index(words, "--") + 1
		n.kubectl("", words[1:]...)
		n.runInside(words[inside:])
	default:
		n.kubectl("", words[1:]...)
	}
}

// definitions are those of the chart, as `helm show crds` prints them.
func definitions(t *testing.T) string {
	t.Helper()
	c, err := loadChart()
	if err != nil || len(c.CRDObjects()) == 0 {
		t.Fatalf("the chart's definitions: %v", err)
	}
	var all strings.Builder
	for _, d := range c.CRDObjects() {
		fmt.Fprintf(&all, "---\n%s\n", d.File.Data)
	}
	return all.String()
}

// kubectl runs a command, which has to do its work, or to find the container and only no node.
func (n *noted) kubectl(input string, args ...string) {
	n.Helper()
	cmd := exec.CommandContext(n.Context(), filepath.Join(n.assets, "kubectl"), append([]string{"--kubeconfig", n.kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if found := slices.Contains(args, "exec") && strings.Contains(string(out), "does not have a host assigned"); err != nil && !found {
		n.Errorf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// runInside runs what is run in the server's container: each file that it names is mounted there, and the same program takes the same words
// where files and addresses are those of a server that runs here.
func (n *noted) runInside(words []string) {
	n.Helper()
	var mounts []string
	for _, c := range containersOf(podsOf(n.rendered)["Deployment "+release]) {
		if c.text("name") == "server" {
			for _, m := range list(c, "volumeMounts") {
				mounts = append(mounts, m.text("mountPath"))
			}
		}
	}
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "/") && !slices.ContainsFunc(mounts, func(m string) bool { return w == m || strings.HasPrefix(w, m+"/") }) {
			n.Errorf("%s is not mounted: %v are", w, mounts)
		}
	}
	kind := "/gatehouse " + words[1]
	secure := slices.Contains(words, "--ca-file")
	if secure {
		kind += " with TLS"
	}
	if words[0] != "/gatehouse" {
		n.Fatalf("%v", words)
	}
	if n.ran[kind] {
		return
	}
	n.ran[kind] = true
	try(n.T, words[1:], secure)
}

// try runs a command of the server's program against a server of its own.
func try(t *testing.T, words []string, secure bool) {
	t.Helper()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	const key = "an-admin-key-of-thirty-two-characters"
	config := "secrets: {admin: [" + key + "]}\n"
	if secure {
		authority, err := pki.New("authority")
		if err != nil {
			t.Fatal(err)
		}
		pair, err := authority.Sign(&x509.Certificate{DNSNames: []string{"localhost"}})
		if err := errors.Join(err, pair.Write(file("tls.crt"), file("tls.key")), os.WriteFile(file("ca.crt"), authority.PEM(), 0o600)); err != nil {
			t.Fatal(err)
		}
		config += fmt.Sprintf("serve: {admin: {tls: {cert_file: %q, key_file: %q}}}\n", file("tls.crt"), file("tls.key"))
	}
	if err := os.WriteFile(file("key"), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	s := process.Configure(t, process.Options{Config: config})
	if words[0] == "clients" {
		s.Run()
		t.Cleanup(s.Stop)
	} else if out, status := s.Command("migrate", "up"); status != 0 {
		t.Fatal(out)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(s.Admin, "http://"), ":")
	var args []string
	for _, w := range words {
		switch {
		case w == "/etc/gatehouse/gatehouse.yaml":
			args = append(args, s.Configuration("-c")[1:]...)
		case strings.HasPrefix(w, "/run/secrets/"):
			args = append(args, file(filepath.Base(w)))
		default:
			args = append(args, strings.Replace(w, ":4445", ":"+port, 1))
		}
	}
	if !slices.Contains(args, "-c") && !slices.Contains(args, "--endpoint") {
		args = append(args, "--endpoint", s.Admin)
	}
	out, status := s.Command(args...)
	if status != 0 {
		t.Errorf("gatehouse %s: status %d, %s", strings.Join(args, " "), status, out)
	}
}
