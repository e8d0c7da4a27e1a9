package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Drill says how a try to restore a backup went. It is a small file beside the backups, because who tries need not reach the
// installation's databases, and its servers reach the destinations.
type Drill struct {
	// ID is made of At, like a backup's of its time.
	ID string `json:"id"`
	// At is when it ended.
	At time.Time `json:"at"`
	// Backup is the one that was tried, BackupAt when that was begun, and Destination where it was read.
	Backup      string    `json:"backup"`
	BackupAt    time.Time `json:"backup_created_at"`
	Destination string    `json:"destination"`
	// Millis is how long it took until what was restored served. Unit: milliseconds. 0 where it never did.
	Millis int64 `json:"millis"`
	// Fault is the step that failed; empty where all went well.
	Fault string `json:"fault,omitempty"`
	// Version is the Gatehouse that tried.
	Version string `json:"gatehouse"`
	// MAC is over the rest, by the server's secrets, in base64.
	MAC string `json:"mac"`
}

const (
	drillSuffix = ".drill"
	// maxDrill bounds the file of a drill. Unit: bytes.
	maxDrill = 16 << 10
	// drillsRead is how many files of drills are read of a destination at a time: those before them are of no interest any more.
	// Whoever can write there can hide them behind his own, but not those of another destination.
	drillsRead = 20
	// ahead is how far in the future a drill may be, by the clock of who looks: one that is later would hide all that come after it.
	ahead = time.Hour
)

// bytes is what MAC is over. It cannot pass for a manifest's.
func (d Drill) bytes() ([]byte, error) {
	d.MAC = ""
	content, err := json.Marshal(d)
	return append([]byte("drill "), content...), err
}

// Record tells the installation's servers of a drill, by every destination. Some that fail are named by an error, which is
// Unreachable; the names of the others are returned.
func (b *Backups) Record(ctx context.Context, d Drill) (kept []string, err error) {
	d.At = b.Now().Truncate(time.Millisecond)
	d.ID, d.Version = d.At.Format(idTime)+"-"+strings.ToLower(rand.Text()[:8]), b.Version
	content, err := d.bytes()
	if err != nil {
		return nil, err
	}
	d.MAC = base64.StdEncoding.EncodeToString(b.Ring.MAC(content))
	file, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	failed := Unreachable{}
	for _, to := range b.Destinations {
		if err := to.Put(ctx, prefix+d.ID+drillSuffix, bytes.NewReader(append(file, '\n'))); err != nil {
			failed[to.Name()] = err
			continue
		}
		kept = append(kept, to.Name())
	}
	return kept, failed.or()
}

// Drills returns the drills that ended after a time, the oldest first, of all destinations. Beside an error, which is Unreachable,
// are those that could be read.
func (b *Backups) Drills(ctx context.Context, after time.Time) ([]Drill, error) {
	at, failed := map[string][]Destination{}, Unreachable{}
	for _, d := range b.Destinations {
		names, err := d.List(ctx)
		if err != nil {
			failed[d.Name()] = err
		}
		var ids []string
		for _, name := range names {
			if id, suffix, ok := taken(name); ok && suffix == drillSuffix && timeOf(id).After(after) && timeOf(id).Before(b.Now().Add(ahead)) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		for _, id := range ids[max(0, len(ids)-drillsRead):] {
			at[id] = append(at[id], d)
		}
	}
	var all []Drill
	for _, id := range slices.Sorted(maps.Keys(at)) {
		for _, from := range at[id] {
			d, err := b.drill(ctx, from, id)
			if err == nil {
				all = append(all, *d)
				break
			}
			if !errors.Is(err, errForeign) { // which another installation may have put there
				failed[from.Name()] = err
			}
		}
	}
	return all, failed.or()
}

// drill reads one.
func (b *Backups) drill(ctx context.Context, from Destination, id string) (*Drill, error) {
	name := prefix + id + drillSuffix
	file, err := readFile(ctx, from, name, maxDrill)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return decodeDrill(b.Ring, id, file)
}

// decodeDrill reads the file of a drill. It fails with errForeign where that is not ours, or was changed.
func decodeDrill(ring *secret.Ring, id string, file []byte) (*Drill, error) {
	var d Drill
	if json.Unmarshal(file, &d) != nil || d.ID != id || !timeOf(id).Equal(d.At) {
		return nil, errForeign
	}
	content, err := d.bytes()
	if err != nil {
		return nil, err
	}
	mac, err := base64.StdEncoding.DecodeString(d.MAC)
	if err != nil || !ring.VerifyMAC(content, mac) {
		return nil, errForeign
	}
	return &d, nil
}

// pastDrills gives the files of drills that prune removes from a destination: old ones of ours, but for the last.
func (b *Backups) pastDrills(ctx context.Context, from Destination, names []string) (files []string, err error) {
	last := true
	for _, name := range slices.Backward(slices.Sorted(slices.Values(names))) {
		id, suffix, ok := taken(name)
		if !ok || suffix != drillSuffix || !last && b.Now().Sub(timeOf(id)) < b.Config.Keep.For {
			continue
		}
		switch _, err := b.drill(ctx, from, id); {
		case errors.Is(err, errForeign):
		case err != nil:
			return files, err
		case last:
			last = false
		default:
			files = append(files, name)
		}
	}
	return files, nil
}
