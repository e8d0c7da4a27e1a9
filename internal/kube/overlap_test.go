package kube

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// statuses is a cluster that takes statuses, and keeps the last.
type statuses struct {
	client.Client

	saved *hydra.OAuth2ClientStatus
}

func (s *statuses) Status() client.SubResourceWriter { return statusOf{statuses: s} }

type statusOf struct {
	client.SubResourceWriter

	*statuses
}

func (s statusOf) Patch(_ context.Context, o client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	s.saved = o.(*hydra.OAuth2Client).Status.DeepCopy()
	return nil
}

// alone is a controller between a server, of which the requests that change something are noted, and a cluster.
func alone(t *testing.T) (c *Clients, asked *[]string) {
	asked = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			*asked = append(*asked, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/admin/clients/"))
		}
		switch r.Method {
		case http.MethodGet:
			_, _ = w.Write([]byte(`{"client_id": "uid", "owner": "name/namespace", "updated_at": "then"}`))
		case http.MethodDelete:
			_, _ = w.Write([]byte(`{"client_id": "uid", "owner": "name/namespace", "updated_at": "later"}`))
		default:
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	return &Clients{
		Config: &Config{Server: Server{URL: s.URL}, Resync: time.Hour}, Kube: new(statuses), Events: new(events.FakeRecorder),
		Now: func() time.Time { return settled().now }, admin: admin{count: func(string, int) {}},
	}, asked
}

// Secrets before the present one end when it is time, unless the one that applications have may be among them, or the client is another's.
func TestOverdueSecretsEnd(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*hydra.OAuth2Client)
		ends   bool
	}{
		"over": {func(*hydra.OAuth2Client) {}, true},
		"not over": {func(of *hydra.OAuth2Client) {
			of.Status.SecretOverlapUntil.Time = of.Status.SecretOverlapUntil.Add(time.Second)
		}, false},
		"none":                                {func(of *hydra.OAuth2Client) { of.Status.SecretOverlapUntil = nil }, false},
		"changed on the server":               {func(of *hydra.OAuth2Client) { of.Status.Applied.UpdatedAt = "before" }, false},
		"a rotation was cut off":              {func(of *hydra.OAuth2Client) { of.Status.Applied.UpdatedAt = "" }, false},
		"another's":                           {func(of *hydra.OAuth2Client) { of.Namespace = "other" }, false},
		"at a server that is allowed no more": {func(of *hydra.OAuth2Client) { of.Status.Server = "https://elsewhere:443/admin/clients" }, false},
	} {
		c, asked := alone(t)
		at, err := c.Config.Server.place()
		if err != nil {
			t.Fatal(err)
		}
		of := &hydra.OAuth2Client{ObjectMeta: metav1.ObjectMeta{Name: "name", Namespace: "namespace"}, Status: *settled().status}
		of.Status.Server, of.Status.SecretOverlapUntil = at.String(), &metav1.Time{Time: settled().now}
		test.change(of)
		err = c.endOverdue(t.Context(), of)
		if ended := slices.Equal(*asked, []string{"DELETE uid/secrets/rotate"}); err != nil || ended != test.ends || !ended && len(*asked) > 0 {
			t.Errorf("%s: asked for %v, %v", name, *asked, err)
		}
		if test.ends && (of.Status.SecretOverlapUntil != nil || of.Status.Applied.UpdatedAt != "later") {
			t.Errorf("%s: %+v", name, of.Status)
		}
	}
}

// A secret that the server does not take begins no overlap, and moves the end of none.
func TestRefusedSecretsBeginNoOverlap(t *testing.T) {
	last := &metav1.Time{Time: settled().now.Add(time.Minute)}
	for _, until := range []*metav1.Time{nil, last} {
		c, asked := alone(t)
		at, err := c.Config.Server.place()
		if err != nil {
			t.Fatal(err)
		}
		of := &hydra.OAuth2Client{ObjectMeta: metav1.ObjectMeta{Name: "name", Namespace: "namespace"}, Status: *settled().status}
		of.Status.SecretOverlapUntil = until
		w := &work{Clients: c, view: *settled(), of: of}
		w.at, w.status, w.found.version = at, &of.Status, "2"
		err = w.adopt(t.Context())
		if fail, ok := errors.AsType[*failure](err); !ok || fail.reason != reasonRejected || !slices.Equal(*asked, []string{"POST uid/secrets/rotate"}) {
			t.Errorf("asked for %v: %v", *asked, err)
		}
		saved := c.Kube.(*statuses).saved
		if saved == nil || !of.Status.SecretOverlapUntil.Equal(until) || !saved.SecretOverlapUntil.Equal(until) || of.Status.Applied.SecretVersion == "2" {
			t.Errorf("%+v, and in the cluster %+v", of.Status, saved)
		}
	}
}

// What the API server does not let the controller do is no reason to stay ready; that the controller ends is.
func TestErrorsOfTheClusterAreInTheStatus(t *testing.T) {
	c, _ := alone(t)
	of := &hydra.OAuth2Client{ObjectMeta: metav1.ObjectMeta{Name: "name", Namespace: "namespace", Generation: 1}}
	of.Status.Conditions = []metav1.Condition{{Type: hydra.Ready, Status: metav1.ConditionTrue, Reason: reasonReady, ObservedGeneration: 1}}
	forbidden := errors.New("reading Secret s: forbidden")
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := c.conclude(ended, of.DeepCopy(), of, 0, forbidden); !errors.Is(err, context.Canceled) || c.Kube.(*statuses).saved != nil {
		t.Errorf("%v, and %+v is written", err, c.Kube.(*statuses).saved)
	}
	if _, err := c.conclude(t.Context(), of.DeepCopy(), of, 0, forbidden); !errors.Is(err, forbidden) {
		t.Errorf("it is not tried again: %v", err)
	}
	ready := meta.FindStatusCondition(c.Kube.(*statuses).saved.Conditions, hydra.Ready)
	if ready.Status != metav1.ConditionFalse || ready.Reason != reasonNotReconciled || ready.Message != forbidden.Error() {
		t.Errorf("%+v", ready)
	}
}
