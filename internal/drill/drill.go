package drill

import (
	"errors"
	"fmt"
)

// Outcome says how a step went.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // it could not be tried, and that is no fault of the backup
)

// Step is one thing that was done.
type Step struct {
	// Tenant is whose it is; empty for what concerns all.
	Tenant string `json:"tenant,omitempty"`
	// Name says what was done.
	Name    string  `json:"step"`
	Outcome Outcome `json:"outcome"`
	// Millis is how long it took. Unit: milliseconds.
	Millis int64 `json:"millis"`
	// Detail says more, without any secret.
	Detail string `json:"detail,omitempty"`
}

// skip is a step that cannot be tried.
type skip string

// Error says why.
func (s skip) Error() string { return string(s) }

// outcome tells what an error means.
func outcome(err error) Outcome {
	if _, skipped := errors.AsType[skip](err); skipped {
		return Skipped
	}
	if err != nil {
		return Failed
	}
	return OK
}

// Tenant is one that is tried.
type Tenant struct {
	ID string
	// URL is where the outside reaches it, without a slash at the end, and Issuer its issuer identifier.
	URL, Issuer string
}

// keySet is what is known of a tenant's signing keys.
type keySet struct {
	restored map[string]bool // by their ids
	vital    []string        // those of the set that signs ID tokens, which every tenant publishes
}

// judge holds published keys against those of the backup.
func (k keySet) judge(published []string) (detail string, err error) {
	there, fresh := map[string]bool{}, 0
	for _, id := range published {
		if there[id] = true; !k.restored[id] {
			fresh++
		}
	}
	for _, id := range k.vital {
		if !there[id] {
			return "", fmt.Errorf("the key %s of the backup signs, and is not published", id)
		}
	}
	if len(published) == 0 {
		return "", errors.New("no key is published")
	}
	detail = fmt.Sprintf("%d of the backup", len(published)-fresh)
	if fresh > 0 {
		detail += fmt.Sprintf(", %d made for the drill, which the tenant had not needed yet", fresh)
	}
	return detail, nil
}
