package backup

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// A disk that is full is said to be, and nothing is left that takes room or passes for a backup.
func TestDiskFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		return // not Linux
	}
	d := &directory{name: "full", path: t.TempDir()}
	if err := os.Symlink("/dev/full", filepath.Join(d.path, "file"+partial)); err != nil { // where every write finds no room
		t.Fatal(err)
	}
	err := d.Put(t.Context(), "file", strings.NewReader("content"))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("%v", err)
	}
	if left, err := d.List(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	if err := d.Put(t.Context(), "file", strings.NewReader("content")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// hung takes what it is sent, up to a point, and then nothing more.
type hung struct {
	Destination
	after int
}

func (h hung) Name() string { return "hung" }

func (h hung) Put(ctx context.Context, _ string, content io.Reader) error {
	if _, err := io.CopyN(io.Discard, content, int64(h.after)); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// One destination that hangs is left behind, and the other gets the whole file.
func TestADestinationHangs(t *testing.T) {
	d := &directory{name: "good", path: t.TempDir()}
	f := newFan(t.Context(), "file", []Destination{hung{after: 10}, d})
	f.stall = 1
	content := strings.Repeat("0123456789", 100)
	for i := 0; i < len(content); i += 10 {
		// The good one may be slow, too: such a short patience is for the other.
		good := f.branches[1].blocks
		testkit.Eventually(t, "the good one takes more", func() bool { return len(good) < cap(good) })
		if _, err := f.Write([]byte(content[i : i+10])); err != nil {
			t.Fatal(err)
		}
	}
	f.stall = stall
	file, kept, faults := f.close()
	if file.Size != 1000 || len(kept) != 1 || kept[0] != Destination(d) || !errors.Is(faults["hung"], errStalled) || len(faults) != 1 {
		t.Errorf("%+v %v %v", file, kept, faults)
	}
	if got, err := readFile(t.Context(), d, "file", 1000); err != nil || string(got) != content {
		t.Errorf("%q %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("20260301T120000.000Z-abcdefgh", []byte(`{"format":1,"id":"20260301T120000.000Z-abcdefgh","kind":"full"}`))
	f.Fuzz(func(t *testing.T, id string, file []byte) {
		if m, err := decode(id, file); err == nil && (m.ID != id || m.Format != 1) {
			t.Errorf("%+v", m)
		}
	})
}

func FuzzDecodeDrill(f *testing.F) {
	ring, err := secret.NewRing([]secret.String{"the secrets of this fuzz test"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("20260301T120000.000Z-abcdefgh", []byte(`{"id":"20260301T120000.000Z-abcdefgh","at":"2026-03-01T12:00:00Z","mac":""}`))
	f.Fuzz(func(t *testing.T, id string, file []byte) {
		if d, err := decodeDrill(ring, id, file); err == nil {
			t.Errorf("a stranger made %+v", d)
		}
	})
}
