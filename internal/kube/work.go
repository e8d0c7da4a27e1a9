package kube

import (
	"context"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

// work is one reconciliation: what is seen, and the hands.
type work struct {
	*Clients
	view

	of     *hydra.OAuth2Client
	secret *core.Secret
	body   description
}

// take takes one step, and has the view show what came of it.
func (w *work) take(ctx context.Context, s step) error {
	switch s {
	case stepWrite:
		return w.write(ctx)
	case stepRegister:
		return w.register(ctx)
	case stepTell:
		return w.tell(ctx)
	case stepAdopt:
		return w.adopt(ctx)
	case stepReissue, stepRotate:
		return w.renew(ctx, s)
	case stepForget:
		return w.forget(ctx)
	case stepDone:
	}
	return nil
}

func (w *work) write(ctx context.Context) error {
	made := w.made
	if made == nil { // a public client has nothing to keep but its id
		made = &credentials{id: w.id(), madeAt: w.now}
	}
	written, err := w.writeSecret(ctx, w.of, w.secret, made)
	if changedMeanwhile(err) {
		return errChanged
	}
	if err != nil {
		return &failure{reason: reasonSecretFailed, code: codeWrite, message: fmt.Sprintf("Secret %s cannot be written: %v", w.spec.SecretName, err), again: true, cause: err}
	}
	w.secret, w.found, w.made = written, w.contents(written, w.of), nil
	// The server made what is in it, so it need not be told.
	w.status.Applied.SecretVersion, w.status.Applied.UpdatedAt = w.found.version, w.client.UpdatedAt
	if w.spec.SecretRotation != nil {
		w.status.RotationRequest = w.spec.SecretRotation.Request // a new secret fulfils it
	}
	w.status.SecretRotatedAt = &metav1.Time{Time: made.madeAt}
	return nil
}

// send is the body with what the Secret says, unless that is for adopt.
func (w *work) send() *registration {
	r := &registration{ID: w.id(), description: w.body}
	if w.found != nil && hasSecret(w.spec.TokenEndpointAuthMethod) && !w.brought() {
		r.Secret = w.found.secret
	}
	return r
}

// told takes note of what the server now has.
func (w *work) told(answer *remote) {
	brought := w.brought()
	w.client = answer
	w.status.Applied.Digest, w.status.Applied.UpdatedAt = w.digest, answer.UpdatedAt
	if w.usable() {
		if !brought {
			w.status.Applied.SecretVersion = w.found.version
		}
	} else if answer.Secret != "" {
		w.made = &credentials{id: w.id(), secret: answer.Secret, madeAt: w.now}
	}
}

func (w *work) register(ctx context.Context) error {
	answer, err := w.admin.create(ctx, w.at, w.send())
	if apiclient.Status(err) == 409 {
		return errChanged
	}
	if err != nil {
		return explain(codeRegister, w.at, err)
	}
	if w.status.Applied.Digest != "" && !w.moved() {
		w.say("Recreated", "Repair", "client %s was gone from the server and is there again", w.id())
	}
	w.told(answer)
	return nil
}

func (w *work) tell(ctx context.Context) error {
	answer, err := w.admin.replace(ctx, w.at, w.send())
	if apiclient.Status(err) == 404 {
		return errChanged
	}
	if err != nil {
		return explain(codeUpdate, w.at, err)
	}
	if last := w.status.Applied; last.Digest == w.digest && last.UpdatedAt != "" && last.UpdatedAt != w.client.UpdatedAt && w.status.ClientID == w.id() {
		w.say("Repaired", "Repair", "client %s was changed on the server by somebody else and is as described again", w.id())
	}
	w.told(answer)
	return nil
}

// renew gives the client a new secret. The one before stays valid, so that nothing is lost when this is cut off before the Secret is
// written: what applications have still opens.
func (w *work) renew(ctx context.Context, s step) error {
	answer, err := w.admin.rotate(ctx, w.at, w.id())
	if err != nil {
		return explain(codeUpdate, w.at, err)
	}
	if answer.Secret == "" {
		return explain(codeUpdate, w.at, &apiclient.Refusal{Status: 500, Message: "a new secret was asked for, and none was answered"})
	}
	until := w.now
	if s == stepRotate || w.status.Applied.SecretVersion != "" { // otherwise nobody ever had the one before
		until = until.Add(w.overlap())
	}
	w.status.SecretOverlapUntil = &metav1.Time{Time: until}
	// Until the Secret is written the server counts as told something else: should that fail, it is told again what the Secret has,
	// before the overlap ends it.
	w.client.UpdatedAt, w.status.Applied.UpdatedAt = answer.UpdatedAt, ""
	w.made = &credentials{id: w.id(), secret: answer.Secret, madeAt: w.now}
	w.say("SecretRotated", "Rotate", "client %s has a new secret; the one before is valid until %s", w.id(), clock(until))
	return nil
}

// clock writes a time into a message.
func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// forget removes the client that the resource was before, if it still is of this resource.
func (w *work) forget(ctx context.Context) error {
	at, id, reachable := w.at, w.uid, true
	if w.status.ClientID != "" {
		id = w.status.ClientID
	}
	if w.status.Server != "" && w.status.Server != at.String() {
		at, reachable = w.Config.remembered(w.status.Server)
	}
	switch {
	case !reachable:
		w.say("ClientLeft", "Remove", "client %s stays at %s, which this controller may no longer talk to", id, w.status.Server)
	case w.spec.DeletionPolicy == hydra.Orphan:
		w.say("ClientLeft", "Remove", "client %s stays, as deletionPolicy says", id)
	default:
		if err := w.removeOwn(ctx, at, id, w.owner); err != nil {
			return explain(codeUpdate, at, err)
		}
	}
	w.status.ClientID, w.status.Server = w.id(), w.at.String()
	return nil
}

func (w *work) say(reason, action, format string, args ...any) {
	w.Events.Eventf(w.of, nil, core.EventTypeNormal, reason, action, format, args...)
}
