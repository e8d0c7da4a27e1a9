package kube

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// settled is a view in which there is nothing to do.
func settled() *view {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &view{
		spec: &hydra.OAuth2ClientSpec{SecretName: "s"},
		status: &hydra.OAuth2ClientStatus{
			ClientID: "uid", Server: "https://admin:443/admin/clients", Applied: hydra.Applied{Digest: "d", SecretVersion: "1", UpdatedAt: "then"},
		},
		uid: "uid", owner: "name/namespace", digest: "d", now: now, at: place{origin: "https://admin:443", path: "/admin/clients"},
		found:  &credentials{id: "uid", secret: "secret", version: "1", ours: true, madeAt: now},
		client: &remote{ID: "uid", Owner: "name/namespace", UpdatedAt: "then"},
	}
}

func TestNext(t *testing.T) {
	rotate := func(r hydra.SecretRotation) func(*view) { return func(v *view) { v.spec.SecretRotation = &r } }
	for _, test := range []struct {
		name   string
		change func(*view)
		want   step
	}{
		{"settled", func(*view) {}, stepDone},
		{"nothing is there", func(v *view) { v.found, v.client, v.status = nil, nil, &hydra.OAuth2ClientStatus{} }, stepRegister},
		{"cut off after registration", func(v *view) { v.found, v.status = nil, &hydra.OAuth2ClientStatus{} }, stepTell},
		{"the same, told again", func(v *view) { v.found = nil }, stepReissue},
		{"a public client without Secret", func(v *view) { v.found, v.spec.TokenEndpointAuthMethod = nil, hydra.AuthNone }, stepWrite},
		{"a secret in no Secret yet", func(v *view) { v.made = &credentials{id: "uid", secret: "new"} }, stepWrite},
		{"gone from the server", func(v *view) { v.client = nil }, stepRegister},
		{"the resource changed", func(v *view) { v.digest = "e" }, stepTell},
		{"changed on the server", func(v *view) { v.client.UpdatedAt = "now" }, stepTell},
		{"the Secret changed", func(v *view) { v.found.version = "2" }, stepAdopt},
		{"the Secret and the resource changed", func(v *view) { v.found.version, v.digest = "2", "e" }, stepTell},
		{"the Secret changed, and the client on the server", func(v *view) { v.found.version, v.client.UpdatedAt = "2", "now" }, stepTell},
		{"the Secret changed without overlap", func(v *view) {
			v.found.version = "2"
			rotate(hydra.SecretRotation{Overlap: &metav1.Duration{}})(v)
		}, stepTell},
		{"the Secret of a client without secret changed", func(v *view) { v.found.version, v.spec.TokenEndpointAuthMethod = "2", hydra.AuthPrivateKeyJWT }, stepTell},
		{"another id", func(v *view) { v.found.id = "other" }, stepForget},
		{"another id before the first status", func(v *view) { v.found.id, v.status.ClientID = "other", "" }, stepForget},
		{"another server", func(v *view) { v.at.origin = "https://other:443" }, stepForget},
		{"rotation by age", func(v *view) {
			rotate(hydra.SecretRotation{Every: &metav1.Duration{Duration: time.Hour}})(v)
			v.now = v.now.Add(time.Hour)
		}, stepRotate},
		{"not yet", rotate(hydra.SecretRotation{Every: &metav1.Duration{Duration: time.Hour}}), stepDone},
		{"rotation by request", rotate(hydra.SecretRotation{Request: "x"}), stepRotate},
		{"a secret of others is not rotated", func(v *view) { rotate(hydra.SecretRotation{Request: "x"})(v); v.found.ours = false }, stepDone},
		{"fulfilled", func(v *view) { rotate(hydra.SecretRotation{Request: "x"})(v); v.status.RotationRequest = "x" }, stepDone},
	} {
		v := settled()
		test.change(v)
		if fail := v.check(); fail != nil {
			t.Errorf("%s: %v", test.name, fail)
		} else if got := v.next(); got != test.want {
			t.Errorf("%s: step %d, want %d", test.name, got, test.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*view)
		reason string
	}{
		{"settled", func(*view) {}, ""},
		{"waiting", func(v *view) { v.found, v.spec.RequireExistingSecret = nil, true }, reasonSecretMissing},
		{"waiting by configuration", func(v *view) { v.found, v.require = nil, true }, reasonSecretMissing},
		{"no id in a Secret of others", func(v *view) { v.found.id, v.found.ours = "", false }, reasonSecretInvalid},
		{"no id in ours", func(v *view) { v.found.id = "" }, ""},
		{"no secret in a Secret of others", func(v *view) { v.found.secret, v.found.ours = "", false }, reasonSecretInvalid},
		{"none needed", func(v *view) {
			v.found.secret, v.found.ours, v.spec.TokenEndpointAuthMethod = "", false, hydra.AuthPrivateKeyJWT
		}, ""},
		{"an id that leads elsewhere", func(v *view) { v.found.id = ".." }, reasonSecretInvalid},
		{"a client of another", func(v *view) { v.client.Owner = "other/namespace" }, reasonTaken},
		{"a client of nobody", func(v *view) { v.client.Owner = "" }, reasonTaken},
	} {
		v := settled()
		test.change(v)
		fail, got := v.check(), ""
		if fail != nil {
			got = fail.reason
		}
		if got != test.reason {
			t.Errorf("%s: %q, want %q", test.name, got, test.reason)
		}
	}
}

func TestWake(t *testing.T) {
	v := settled()
	for _, test := range []struct {
		change func()
		want   time.Duration
	}{
		{func() {}, time.Hour},
		{func() {
			v.spec.SecretRotation = &hydra.SecretRotation{Every: &metav1.Duration{Duration: 40 * time.Minute}}
		}, 40 * time.Minute},
		{func() { v.status.SecretOverlapUntil = &metav1.Time{Time: v.now.Add(time.Minute)} }, time.Minute},
		{func() { v.status.SecretOverlapUntil = &metav1.Time{Time: v.now} }, time.Second},
	} {
		test.change()
		if got := v.wake(time.Hour); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

// What hydra-maester wrote has no reason and no time, which the CRD now asks for.
func TestConditionsOfMaester(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	list := []metav1.Condition{{Type: "Ready", Status: metav1.ConditionTrue}, {Type: "Other", Status: metav1.ConditionTrue}}
	next := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Registered", Message: "m"}
	if !SetCondition(&list, next, now) || len(list) != 1 || !list[0].LastTransitionTime.Time.Equal(now) {
		t.Errorf("%+v", list)
	}
	if SetCondition(&list, next, now.Add(time.Hour)) || !list[0].LastTransitionTime.Time.Equal(now) {
		t.Errorf("the same again is news: %+v", list)
	}
	next.Status = metav1.ConditionFalse
	if !SetCondition(&list, next, now.Add(time.Hour)) || list[0].LastTransitionTime.Time.Equal(now) {
		t.Errorf("a change is none: %+v", list)
	}
}
