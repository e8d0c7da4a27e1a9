package chart

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// newInstalled gives a namespace in which a release may be installed.
func newInstalled(t *testing.T, namespace string) *installed {
	t.Helper()
	c, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace}}}); err != nil {
		t.Fatal(err)
	}
	return &installed{T: t, cluster: c, namespace: namespace}
}

// offered renders the next revision and installs nothing.
func (i *installed) offered(given values) (*rendered, error) {
	return renderAs(engine.New(i.config), given, common.ReleaseOptions{Name: release, Namespace: i.namespace, IsInstall: i.revision == 0, IsUpgrade: i.revision > 0, Revision: i.revision + 1})
}

// runs has the Deployment say how many pods there are, of these how many of the last template, and how many of all answer. Behind, it says
// that of the template before.
func (i *installed) runs(replicas, updated, available, behind int) {
	i.Helper()
	d := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"}}
	if err := i.Get(i.Context(), client.ObjectKey{Namespace: i.namespace, Name: release}, d); err != nil {
		i.Fatal(err)
	}
	status, err := json.Marshal(map[string]any{"status": map[string]any{"observedGeneration": d.GetGeneration() - int64(behind), "replicas": replicas, "updatedReplicas": updated, "readyReplicas": available, "availableReplicas": available}})
	if err != nil {
		i.Fatal(err)
	}
	if err := i.Status().Patch(i.Context(), d, client.RawPatch(types.MergePatchType, status)); err != nil {
		i.Fatal(err)
	}
}

// refuses fails the test unless an upgrade is refused for a reason.
func (i *installed) refuses(what string, given values, why ...string) {
	i.Helper()
	_, err := i.offered(given)
	for _, w := range why {
		if err == nil || !strings.Contains(err.Error(), w) {
			i.Errorf("%s: %v, want %q", what, err, w)
		}
	}
}

// in gives values of production with a kind of database, and more of its group.
func in(t *testing.T, mode, more string) values {
	t.Helper()
	return read(t, minimal("production", mode)+more)
}

const (
	left       = "  copyFrom: http://gatehouse-admin.switch.svc:4445\n"
	leftBehind = "  acknowledge: nothing is copied\n"
)

// Whoever goes from one kind of database to another takes all along, or says that nothing is: an upgrade that would put empty servers in the
// place of full ones is refused, as long as and whenever it would, and what is refused says what to do instead.
func TestSwitchLeavesNothingBehind(t *testing.T) {
	i := newInstalled(t, "switch")
	i.upgrade(values{})
	i.runs(1, 1, 1, 0)
	if _, err := i.offered(values{"config": values{"log": values{"level": "debug"}}}); err != nil {
		t.Errorf("an upgrade in development: %v", err)
	}
	for _, mode := range []string{"bundled", "postgres", "mysql", "cockroach", "cloudsql"} {
		i.refuses(mode+" without a copy", in(t, mode, ""), "database.mode is "+mode+" where this release has memory", "set database.copyFrom to http://gatehouse-admin.switch.svc:4445 for this upgrade", `database.acknowledge to "nothing is copied"`)
		i.refuses(mode+" with half of an order", in(t, mode, left+"  migrationJob: false\n"), "database.copyFrom and database.migrationJob: false exclude each other")
		i.refuses(mode+" with two wishes", in(t, mode, left+leftBehind), "database.copyFrom and database.acknowledge contradict each other")
		for _, more := range []string{left, leftBehind} {
			if _, err := i.offered(in(t, mode, more)); err != nil {
				t.Errorf("%s with %q: %v", mode, more, err)
			}
		}
	}
	i.refuses("SQLite", in(t, "sqlite", ""), "where this release has memory", "data is copied into a database server alone")

	// The copy, which servers of before outlive: for a while, or because it failed.
	i.upgrade(in(t, "bundled", left))
	for _, running := range [][4]int{{2, 1, 1, 0}, {1, 0, 1, 0}, {1, 1, 1, 1}} {
		i.runs(running[0], running[1], running[2], running[3])
		i.refuses(fmt.Sprint("taken out too early, ", running), in(t, "bundled", ""), "the copy from http://gatehouse-admin.switch.svc:4445 has not ended", "`kubectl -n switch rollout status deployment/gatehouse`", "upgrade with database.copyFrom once more")
		for _, more := range []string{left, leftBehind} {
			if _, err := i.offered(in(t, "bundled", more)); err != nil {
				t.Errorf("%v, once more with %q: %v", running, more, err)
			}
		}
	}
	// Where nothing was there before, as at a first installation, all pods are of this template and wait.
	i.runs(2, 2, 0, 0)
	if _, err := i.offered(in(t, "bundled", left)); err != nil {
		t.Errorf("a first copy, once more: %v", err)
	}
	i.runs(2, 2, 2, 0)
	i.refuses("left in place", in(t, "bundled", left), "database.copyFrom is for the upgrade that changes database.mode, and this release has bundled already: take it out")
	i.upgrade(in(t, "bundled", ""))
	i.runs(2, 2, 2, 0)

	// On, and back.
	i.refuses("what both belong to the release", in(t, "cloudsql", left), "cannot be left for cloudsql in one upgrade", "`gatehouse data copy`")
	i.refuses("another server", in(t, "postgres", ""), "where this release has bundled")
	if _, err := i.offered(in(t, "postgres", left)); err != nil {
		t.Error(err)
	}
	i.refuses("development again", values{}, "database.mode is memory where this release has bundled", "Keep the mode")
}

// What was installed before Deployments said so is read from the configuration of their pods.
func TestSwitchFromAnOlderChart(t *testing.T) {
	for mode, given := range map[string]values{"memory": {}, "sqlite": read(t, "database: {mode: sqlite}")} {
		i := newInstalled(t, "older-"+mode)
		r := i.upgrade(given)
		delete(r.find("Deployment", release)["metadata"].(map[string]any)["annotations"].(map[string]any), "gatehouse.dev/database-mode")
		i.apply(r)
		i.refuses(mode, in(t, "bundled", ""), "where this release has "+mode)
	}
}

// Where nobody can look into the cluster, pods on empty databases wait while another server of the release answers: it has its data elsewhere.
func TestServersDoNotStartEmptyBesideOthers(t *testing.T) {
	for mode := range servers {
		for more, guarded := range map[string]bool{"": true, "  migrationJob: false\n": true, leftBehind: false} {
			if mode == "memory" {
				continue
			}
			r := mustRender(t, in(t, mode, more))
			waits := list(r.find("Deployment", release), "spec", "template", "spec", "initContainers")
			if embedded := mode == "sqlite"; embedded != (len(waits) == 0) {
				t.Fatalf("%s%s: pods wait: %v", mode, more, waits)
			} else if embedded {
				continue
			}
			args, _ := waits[0].at("args").([]any)
			if at := slices.Index(args, "--served-at"); (at >= 0) != guarded || guarded && args[at+1] != "gatehouse-admin.iam.svc:4445" {
				t.Errorf("%s%s: pods wait for %v", mode, more, args)
			}
			if from, to := network(r); !mayTalk(r, from["server"], to["server admin"]) {
				t.Errorf("%s%s: who waits may not ask", mode, more)
			}
		}
	}
}

// There is never a second pod with data of its own: a Deployment whose number of pods and template change at once is scaled first.
func TestNoSecondPodWithData(t *testing.T) {
	const own = "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: rack, labelSelector: {}}]}, nodeAffinity: {}}\n"
	for mode := range servers {
		pod := podsOf(mustRender(t, read(t, minimal("development", mode)+own)))["Deployment gatehouse"]
		labels, _ := pod.at("metadata", "labels").(map[string]any)
		terms := list(pod, "spec", "affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
		alone := len(terms) == 2 && terms[1].text("topologyKey") == "kubernetes.io/os" && labelsMatch(terms[1].at("labelSelector").(map[string]any), labels)
		if embedded := mode == "memory" || mode == "sqlite"; alone != embedded || len(terms) == 0 || terms[0].text("topologyKey") != "rack" || pod.at("spec", "affinity", "nodeAffinity") == nil {
			t.Errorf("%s: %v of pods labelled %v", mode, pod.at("spec", "affinity"), labels)
		}
		if _, there := labels["gatehouse.dev/data"]; there && mode != "memory" && mode != "sqlite" {
			t.Errorf("%s: pods are labelled %v", mode, labels)
		}
	}
}

// The Job that runs before everything else, also before a rollback to such a revision, replaces no servers by such as have their data in
// their own pods; it may look at their Deployment, and that alone.
func TestNothingIsReplacedByEmptyPods(t *testing.T) {
	i := newInstalled(t, "keep")
	const account = "gatehouse-make-secrets"
	guard := func(given values) (args []string) {
		r, err := i.offered(given)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"ServiceAccount", "Role", "RoleBinding", "Job", "NetworkPolicy"} {
			o := r.find(kind, account)
			if got := o.text("metadata", "annotations", "helm.sh/hook"); got != "pre-install,pre-upgrade,pre-rollback" {
				t.Errorf("the %s is a hook of %s", kind, got)
			}
			if kind == "ServiceAccount" || kind == "Role" || kind == "RoleBinding" {
				if err := i.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: o}), client.FieldOwner("helm"), client.ForceOwnership); err != nil {
					t.Fatal(err)
				}
			}
		}
		said, _ := r.find("Job", account).at("spec", "template", "spec", "containers", 0, "args").([]any)
		for _, a := range said {
			args = append(args, fmt.Sprint(a))
		}
		place, err := i.as(t, "system:serviceaccount:"+i.namespace+":"+account)
		if err != nil {
			t.Fatal(err)
		}
		return append(args, place...)
	}
	memory, sqlite := guard(values{}), guard(read(t, ownSecrets+"database: {mode: sqlite}\nadmin: {key: {generate: false}}\n"))
	runs := func(what string, status int, args []string, want string) {
		t.Helper()
		if out, got := controller(t, args...); got != status || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, %s", what, got, out)
		}
	}
	runs("nothing is installed", 0, sqlite, "")
	i.upgrade(values{})
	i.runs(1, 1, 1, 0)
	runs("the same", 0, guard(values{}), "Secret gatehouse-secrets: made cookie, system")
	runs("memory by SQLite", 1, sqlite, "have their data in database.mode memory: those of sqlite would start without it")
	// A switch that has not ended may be taken back; one that has may not, unless somebody says so.
	i.upgrade(in(t, "bundled", "  copyFrom: http://gatehouse-admin.keep.svc:4445\n"))
	i.runs(2, 1, 1, 0)
	runs("servers of before are there", 0, memory, "nothing is missing")
	i.runs(2, 2, 2, 0)
	runs("a rollback", 1, memory, `have their data in database.mode bundled: those of memory would start without it`)
	for _, want := range []string{"--no-hooks", `database.acknowledge to "nothing is copied"`} {
		runs("what to do", 1, memory, want)
	}
	said := mustRender(t, read(t, "database: {acknowledge: nothing is copied}")).find("Job", account).text("spec", "template", "spec", "containers", 0, "args")
	if strings.Contains(said, "--data") {
		t.Errorf("who said that nothing is copied is refused: %s", said)
	}
	if r := mustRender(t, in(t, "bundled", "")); strings.Contains(r.find("Role", account).text("rules"), "deployments") {
		t.Error("the Job may look at Deployments where it has no reason to")
	}
}

// The copy reaches what networkPolicy.extraEgress lets it, for servers that are not of this release; Jobs that copy nothing do not.
func TestCopyReachesServersElsewhere(t *testing.T) {
	const elsewhere = "networkPolicy: {extraEgress: [{to: [{ipBlock: {cidr: 192.0.2.7/32}}], ports: [{protocol: TCP, port: 9445}]}]}\n"
	for more, reached := range map[string]bool{"": false, left: true} {
		policy := mustRender(t, in(t, "bundled", more+elsewhere)).find("NetworkPolicy", "gatehouse-database").text("spec", "egress")
		if strings.Contains(policy, "192.0.2.7/32") != reached {
			t.Errorf("with %q the Job reaches %s", more, policy)
		}
	}
}

// Argo CD runs the Job for databases of the release as a hook beside the rest, so that none is missing when it was removed after its time;
// Helm does not, and of databases of the operator's both know by Helm's own words.
func TestArgoRunsTheJobAsAHook(t *testing.T) {
	for mode, argo := range map[string]string{"bundled": "Sync", "cloudsql": "Sync", "postgres": ""} {
		for _, job := range mustRender(t, in(t, mode, "")).ofKind("Job") {
			if !strings.HasPrefix(job.name(), "gatehouse-database") {
				continue
			}
			said := func(name string) string { return job.text("metadata", "annotations", name) }
			if said("argocd.argoproj.io/hook") != argo || (said("helm.sh/hook") == "") != (argo != "") {
				t.Errorf("%s: %v", mode, job.at("metadata", "annotations"))
			}
		}
	}
}

// What Helm prints after the upgrade that copies names the way on, and the log.
func TestNotesOfACopy(t *testing.T) {
	notes := mustRender(t, in(t, "bundled", left)).notes
	for _, want := range []string{"Servers start when all is copied from http://gatehouse-admin.switch.svc:4445", "take database.copyFrom out of the values and upgrade once more", "logs -c copy -l app.kubernetes.io/instance=gatehouse,app.kubernetes.io/component=database"} {
		if !strings.Contains(notes, want) {
			t.Errorf("nothing of %q in\n%s", want, notes)
		}
	}
	if notes := mustRender(t, in(t, "bundled", leftBehind)).notes; !strings.Contains(notes, "take database.acknowledge out") {
		t.Error(notes)
	}
	if notes := mustRender(t, values{}).notes; !strings.Contains(notes, "--set database.copyFrom=http://gatehouse-admin.iam.svc:4445") {
		t.Error(notes)
	}
}
