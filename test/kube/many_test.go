package kube

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
)

// Bounds of how long it may take: that of all rules, and that of one change among them. Both are for a machine that does nothing else; here
// many things are done at once, so that what is asserted is five times as much.
const (
	manyRules  = 10_000
	manyWithin = 5 * time.Minute
	oneWithin  = 5 * 2 * time.Second
)

// Ten thousand rules fit, are in force soon after the controller starts, and so is each change of one of them, by one request.
func TestManyRules(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	namespace, b := c.namespace(t), newBetween(t, d.Server)
	begun := time.Now()
	var making errgroup.Group
	making.SetLimit(16)
	for i := range manyRules {
		making.Go(func() error {
			return c.Create(t.Context(), d.rule(namespace, fmt.Sprintf("rule-%05d", i), fmt.Sprintf("<https?>://host-%d.example.com/orders-%d/<[0-9]+>/<.*>", i%100, i)))
		})
	}
	if err := making.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d resources were made in %s", manyRules, time.Since(begun).Round(time.Second))

	begun = time.Now()
	c.control(t, namespace, b.URL, "--sync-period", "1h")
	set := "kubernetes-" + namespace
	eventually(t, func() (bool, string) {
		time.Sleep(200 * time.Millisecond) // the server reads all of a set to count it
		n := countRules(t, d, set)
		return n == manyRules, fmt.Sprint(n, " rules")
	})
	started, inForce := begun, time.Since(begun)
	d.answers(t, "host-77.example.com", "/orders-77/1/x", http.StatusOK)
	t.Logf("%d rules: in force %s after the controller started", manyRules, inForce.Round(time.Millisecond))
	if inForce > manyWithin {
		t.Errorf("%d rules took %s, and may take %s", manyRules, inForce, manyWithin)
	}

	sent := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.seen[http.MethodPut]
	}
	before := sent()
	const changes = 5
	var took []time.Duration
	of := d.rule(namespace, "rule-00077", "")
	for i := range changes {
		path := "/changed-" + strconv.Itoa(i)
		change(t, c, of, func(r *oathkeeper.Rule) { r.Spec.Match.URL = "<https?>://host-77.example.com" + path })
		begun := time.Now()
		d.answers(t, "host-77.example.com", path, http.StatusOK)
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	t.Logf("one change among %d rules is in force after %s (median of %d; %s at worst)", manyRules, took[changes/2].Round(time.Millisecond), changes, took[changes-1].Round(time.Millisecond))
	if took[0] > oneWithin {
		t.Errorf("a change took %s at best, and may take %s", took[0], oneWithin)
	}
	if n := sent() - before; n != changes {
		t.Errorf("%d changes were sent in %d requests", changes, n)
	}

	begun = time.Now()
	if err := c.Delete(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	d.answers(t, "host-77.example.com", "/changed-4", http.StatusNotFound)
	t.Logf("one removal is in force after %s", time.Since(begun).Round(time.Millisecond))
	written := 0
	for deadline := started.Add(5 * patience); written < manyRules-1 && time.Now().Before(deadline); time.Sleep(time.Second) {
		written = ready(t, c, namespace) // which is work for the API server
	}
	if written < manyRules-1 {
		t.Errorf("%d statuses are written after %s", written, time.Since(started))
	}
	t.Logf("all statuses are written %s after the controller started", time.Since(started).Round(time.Second))
}

// countRules is how many rules a set has.
func countRules(t *testing.T, d *doorway, set string) int {
	t.Helper()
	resp, err := http.Get(d.Admin + "/admin/rules?limit=1&set=" + set)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	n, _ := strconv.Atoi(resp.Header.Get("X-Total-Count"))
	return n
}

// ready is how many rules of a namespace are said to be in force.
func ready(t *testing.T, c *cluster, namespace string) (n int) {
	t.Helper()
	var list oathkeeper.RuleList
	if err := c.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if v := list.Items[i].Status.Validation; v != nil && *v.Valid {
			n++
		}
	}
	return n
}
