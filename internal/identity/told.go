package identity

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
)

// Changed names what of an identity that was read differs from what is stored, for the activity log: words, and never what
// people wrote. "traits" and "credentials" list names.
func (i *Identity) Changed() map[string]string {
	if i.stored == nil {
		return nil
	}
	changed := make(map[string]string)
	put := func(name string, list []string) {
		if len(list) > 0 {
			changed[name] = strings.Join(list, " ")
		}
	}
	put("traits", differingTraits(i.stored.traits, i.Traits))
	if i.Credentials != nil {
		put("credentials", differing(i.stored.credentials, i.Credentials))
		put("credentials_removed", missing(i.stored.credentials, i.Credentials))
	}
	if i.stored.state != i.State {
		changed["state"] = i.State
	}
	if i.stored.schemaID != i.SchemaID {
		changed["schema"] = i.SchemaID
	}
	if i.stored.externalID != i.ExternalID {
		changed["external_id"] = "changed"
	}
	return changed
}

// differingTraits lists the names of the members that differ. What is no object has none.
func differingTraits(before, after json.RawMessage) []string {
	if bytes.Equal(before, after) {
		return nil
	}
	var b, a map[string]json.RawMessage
	if json.Unmarshal(before, &b) != nil || json.Unmarshal(after, &a) != nil {
		return []string{"?"}
	}
	var names []string
	for name, value := range a {
		if !bytes.Equal(b[name], value) {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// updated is the event of an administrator's change.
func (i *Identity) updated() activity.Event {
	changed := i.Changed()
	e := activity.Event{Action: activity.IdentityUpdated, Subject: activity.Identity(i.ID), Detail: changed}
	_, written := changed["credentials"]
	_, removed := changed["credentials_removed"]
	switch {
	case len(changed) == 1 && written:
		e.Action = activity.CredentialChanged
	case len(changed) == 1 && removed:
		e.Action = activity.CredentialRemoved
	}
	return e
}

// importedAtOnce is how many ids one event names.
const importedAtOnce = 500

// imported are the events of a batch of new identities: few, with their ids, so that an import of millions does not write each
// identity twice.
func imported(batch []candidate) []activity.Event {
	var events []activity.Event
	for some := range slices.Chunk(batch, importedAtOnce) {
		ids := make([]string, len(some))
		for i, c := range some {
			ids[i] = c.id.ID
		}
		e := activity.Event{Action: activity.IdentityImported, Detail: map[string]string{"identities": strconv.Itoa(len(ids))}}
		if len(ids) == 1 {
			e.Subject = activity.Identity(ids[0])
		} else {
			_, e.After = activity.Diff(nil, map[string]any{"ids": ids})
		}
		events = append(events, e)
	}
	return events
}
