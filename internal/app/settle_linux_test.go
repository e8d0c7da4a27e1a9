package app

import (
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const smaps = `00400000-01115000 r-xp 00000000 fe:00 1234                               /usr/bin/gatehouse
Size:              13396 kB
Rss:               11548 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
01115000-01ef0000 r--p 00d15000 fe:00 1234                               /usr/bin/gatehouse
Rss:               11172 kB
Anonymous:             0 kB
01ef0000-01f00000 r--p 01af0000 fe:00 1234                               /usr/bin/gatehouse
Rss:                  64 kB
Anonymous:            64 kB
01f00000-021d6000 rw-p 01b00000 fe:00 1234                               /usr/bin/gatehouse
Rss:                2840 kB
Anonymous:             0 kB
021d6000-0422c000 rw-p 00000000 00:00 0
Rss:                 152 kB
Anonymous:           152 kB
7f1b00000000-7f1b00001000 r-xp 00000000 fe:00 99                         /usr/lib/usr/bin/gatehouse
Anonymous:             0 kB
7f1b00002000-7f1b00003000 r--s 00000000 fe:00 1234                       /usr/bin/gatehouse
Anonymous:             0 kB
7f1b63973000-7f1b63975000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
`

// What was written is not the file's any more, and must stay.
func TestUnchanged(t *testing.T) {
	want := []mapping{{0x400000, 0x1115000}, {0x1115000, 0x1ef0000}}
	if diff := cmp.Diff(want, unchanged(smaps, "/usr/bin/gatehouse"), cmp.AllowUnexported(mapping{})); diff != "" {
		t.Error(diff)
	}
	for _, broken := range []string{"", "x", "zz-yy r-xp 0 0 0 /f\n", "2-1 r-xp 0 0 0 /f\n", "1-2 r-xp 0 0 0\n"} {
		if all := unchanged(broken, "/f"); all != nil {
			t.Errorf("%q: %v", broken, all)
		}
	}
}

func TestUnmapProgram(t *testing.T) {
	touchProgram(t) // whatever the kernel has taken away
	before := residentFile(t)
	if err := unmapProgram(); err != nil {
		t.Fatal(err)
	}
	if after := residentFile(t); after > before*3/4 {
		t.Errorf("%d KiB of files are mapped, before it were %d", after, before)
	}
}

// touchProgram reads all of the program where it is mapped.
func touchProgram(t *testing.T) {
	t.Helper()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	mappings, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = memory.Close() }()
	for _, m := range unchanged(string(mappings), program) {
		if _, err := io.Copy(io.Discard, io.NewSectionReader(memory, int64(m.start), int64(m.end-m.start))); err != nil {
			t.Fatal(err)
		}
	}
}

func residentFile(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	if kib, err = strconv.Atoi(strings.Fields(rest)[0]); err != nil {
		t.Fatal(err)
	}
	return kib
}
