package selfservice

import (
	"strings"
	"testing"
	"time"
)

func TestDevices(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	d := &devices{tenant: "one", claimed: []string{"a", "b", "a"}}
	if !d.prove(at) || len(d.known) != 2 {
		t.Fatalf("%+v", d.known)
	}
	read := func(tenant string, text string, since time.Time) *devices {
		out := &devices{tenant: "one"}
		if tenant != "" {
			out.tenant = "two"
		}
		out.decode(text, since)
		return out
	}
	text := d.encode()
	if got := read("", text, at.Add(-time.Second)); got.find("a") < 0 || got.find("b") < 0 || got.find("c") >= 0 || got.known[got.find("a")].id != d.known[0].id {
		t.Errorf("%+v", got.known)
	}
	if got := read("two", text, at.Add(-time.Second)); got.find("a") >= 0 {
		t.Error("a browser is known in another tenant")
	}
	if got := read("", text, at); len(got.known) != 0 {
		t.Error("one that was not seen since is known")
	}
	for _, broken := range []string{"", "\x01", "\x02" + text[1:], text[:len(text)-1], text + "x", strings.Repeat("\x01", 41)} {
		got := read("", broken, time.Unix(0, 0))
		if got.find("a") >= 0 {
			t.Errorf("%q", broken)
		}
	}
	if (&devices{}).prove(at) {
		t.Error("nothing was claimed")
	}
}
