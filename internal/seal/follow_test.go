package seal_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/seal"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Who is no server makes what the servers that run recognize, also where a newer secret is configured that they do not have yet.
func TestFollow(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		old, next := idOf(t, secretA), idOf(t, secretB)
		first := w.replica("nobody", secretB, secretA)
		if err := first.Follow(testkit.Context(t)); err != nil || first.System.Making() != next {
			t.Errorf("before there is a server: %s %v", first.System.Making(), err)
		}
		leave(t, w.begins("one", secretA))
		beside := w.replica("nobody", secretB, secretA)
		if err := beside.Follow(testkit.Context(t)); err != nil || beside.System.Making() != old {
			t.Errorf("beside a server: %s %v", beside.System.Making(), err)
		}
		leave(t, w.begins("one", secretB, secretA))
		if err := beside.Follow(testkit.Context(t)); err != nil || beside.System.Making() != next {
			t.Errorf("beside a server with the new secret: %s %v", beside.System.Making(), err)
		}
		if err := w.replica("nobody", secretC).Follow(testkit.Context(t)); !errors.Is(err, seal.ErrLacks) {
			t.Errorf("with another installation's secret: %v", err)
		}
	})
}

// A secret that is taken into use is told in the activity log, once, whoever of the servers was first.
func TestANewSecretIsTold(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		leave(t, w.begins("one", secretA))
		leave(t, w.begins("two", secretA))
		leave(t, w.begins("one", secretB, secretA))
		leave(t, w.begins("two", secretB, secretA))
		waiting, err := activity.Outbox{DB: w.db, Logical: "management"}.Pending(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, p := range waiting {
			var e activity.Event
			if err := json.Unmarshal(p.Document, &e); err != nil || e.Action != activity.SealKeyAdded || e.Tenant != "default" {
				t.Errorf("%s %v", p.Document, err)
			}
			told = append(told, e.Subject.ID)
		}
		slices.Sort(told)
		want := []string{idOf(t, secretA), idOf(t, secretB)}
		slices.Sort(want)
		if !slices.Equal(told, want) {
			t.Errorf("told are %v, want %v", told, want)
		}
	})
}
