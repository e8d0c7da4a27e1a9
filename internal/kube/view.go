package kube

import (
	"cmp"
	"fmt"
	"time"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// defaultOverlap is how long a secret stays valid beside its successor where the resource does not say.
const defaultOverlap = time.Hour

// credentials are what a Secret has.
type credentials struct {
	id, secret string
	version    string // uid and resource version
	ours       bool   // made for this resource by a controller
	madeAt     time.Time
}

// view is all that the next step depends on.
type view struct {
	spec   *hydra.OAuth2ClientSpec
	status *hydra.OAuth2ClientStatus
	uid    string
	owner  string // as the server shall name it
	at     place
	digest string
	now    time.Time

	require bool         // Secrets are brought by others, always
	found   *credentials // nil: there is no Secret
	made    *credentials // a secret that is in no Secret yet
	client  *remote      // nil: the server has no client of the id
}

// step is one thing to do.
type step int

// Steps, in the order in which they are thought of.
const (
	stepDone     step = iota
	stepWrite         // write the Secret
	stepRegister      // make the client
	stepTell          // tell the server what the client is
	stepAdopt         // somebody put another secret into the Secret: it is the client's, beside the one before
	stepReissue       // the client's secret is lost: a new one
	stepForget        // remove the client that the resource was before
	stepRotate        // the secret is old enough: a new one
)

// id is the client's id: what the Secret says, else what it was, else one that is the same at each attempt.
func (v *view) id() string {
	switch {
	case v.made != nil:
		return v.made.id
	case v.found != nil && v.found.id != "":
		return v.found.id
	}
	return cmp.Or(v.status.ClientID, v.uid)
}

// usable reports whether the Secret has all that the client needs.
func (v *view) usable() bool {
	return v.found != nil && v.found.id != "" && (v.found.secret != "" || !hasSecret(v.spec.TokenEndpointAuthMethod))
}

// check says why nothing can be done.
func (v *view) check() *failure {
	waiting := v.require || v.spec.RequireExistingSecret
	switch f := v.found; {
	case f == nil && waiting:
		return &failure{reason: reasonSecretMissing, code: codeSecret, message: fmt.Sprintf("waiting for Secret %s, which another controller or you bring", v.spec.SecretName)}
	case f == nil, f.ours && !waiting && f.id == "":
	case f.id == "":
		return &failure{reason: reasonSecretInvalid, code: codeSecret, message: fmt.Sprintf("Secret %s has no client id", v.spec.SecretName)}
	case !validID(f.id):
		return &failure{reason: reasonSecretInvalid, code: codeSecret, message: fmt.Sprintf(
			"the client id in Secret %s must have 1 to 128 characters out of letters, digits and -._~:@+, without a newline at its end", v.spec.SecretName)}
	case !v.usable() && (!f.ours || waiting):
		return &failure{reason: reasonSecretInvalid, code: codeSecret, message: fmt.Sprintf("Secret %s has no client secret", v.spec.SecretName)}
	}
	if v.client != nil && v.client.Owner != v.owner {
		return &failure{reason: reasonTaken, code: codeSecret, message: fmt.Sprintf(
			"client %s exists and is not of this resource: its owner on the server is not %s. Use another id, or set its owner", v.id(), v.owner)}
	}
	return nil
}

// next is the step to take.
func (v *view) next() step {
	told := v.status.Applied.Digest == v.digest && v.client != nil && v.client.UpdatedAt == v.status.Applied.UpdatedAt
	switch {
	case v.made != nil:
		return stepWrite
	case v.client == nil:
		return stepRegister
	case !v.usable() && !told:
		return stepTell
	case !v.usable() && hasSecret(v.spec.TokenEndpointAuthMethod):
		return stepReissue
	case !v.usable():
		return stepWrite
	case !told:
		return stepTell
	case v.brought():
		return stepAdopt
	case v.found.version != v.status.Applied.SecretVersion:
		return stepTell
	case v.moved():
		return stepForget
	case v.rotationDue():
		return stepRotate
	}
	return stepDone
}

// brought reports whether the Secret was changed since the server was told of it, while the server has what it was told: then it knows the
// secret before, which can stay valid for a while. One that somebody set on the server cannot.
func (v *view) brought() bool {
	last := v.status.Applied
	return v.client != nil && v.client.UpdatedAt == last.UpdatedAt && last.SecretVersion != "" && v.found != nil && v.found.version != last.SecretVersion &&
		hasSecret(v.spec.TokenEndpointAuthMethod) && !v.moved() && v.overlap() > 0
}

// moved reports whether the client was another one before, or elsewhere. A resource that was never told about may have been cut off
// after its client was made and before somebody brought another Secret.
func (v *view) moved() bool {
	if v.status.ClientID == "" {
		return v.id() != v.uid
	}
	return v.status.ClientID != v.id() || v.status.Server != "" && v.status.Server != v.at.String()
}

func (v *view) rotationDue() bool {
	r := v.spec.SecretRotation
	if r == nil || !v.found.ours || !hasSecret(v.spec.TokenEndpointAuthMethod) {
		return false
	}
	return r.Request != "" && r.Request != v.status.RotationRequest || r.Every != nil && !v.now.Before(v.found.madeAt.Add(r.Every.Duration))
}

// overlap is how long secrets before a new one stay valid.
func (v *view) overlap() time.Duration {
	if r := v.spec.SecretRotation; r != nil && r.Overlap != nil {
		return r.Overlap.Duration
	}
	return defaultOverlap
}

// wake is when there is something to do though nothing has changed.
func (v *view) wake(resync time.Duration) time.Duration {
	after := resync
	if u := v.status.SecretOverlapUntil; u != nil {
		after = min(after, u.Sub(v.now))
	}
	if r := v.spec.SecretRotation; r != nil && r.Every != nil && v.found != nil && v.found.ours {
		after = min(after, v.found.madeAt.Add(r.Every.Duration).Sub(v.now))
	}
	return max(after, time.Second)
}
