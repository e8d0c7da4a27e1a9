package target

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		scheme, host, path string
		want               string // scheme://host/path, with a * where it was changed; "" where it is refused
	}{
		{"http", "example.com", "/", "http://example.com/"},
		{"HTTPS", "Example.COM", "", "https://example.com/"},
		{"https", "example.com.:443", "/a", "https://example.com/a"},
		{"http", "example.com:443", "/a", "http://example.com:443/a"},
		{"http", "EXAMPLE.com:8080", "/a", "http://example.com:8080/a"},
		{"http", "example.com:", "/a", "http://example.com/a"},
		{"http", "[::1]:80", "/a", "http://[::1]/a"},
		{"http", "a_b.example.com", "/~x-y_z.q", "http://a_b.example.com/~x-y_z.q"},

		{"http", "h", "/%41%7e%2D", "http://h/A~-"},
		{"http", "h", "/a%3ab%3B%2c", "http://h/a%3Ab%3B%2C"},
		{"http", "h", "/ä|{}", "http://h/%C3%A4%7C%7B%7D"},
		{"http", "h", "/a;v=1/b,c:d@e!$&'()*+=", "http://h/a;v=1/b,c:d@e!$&'()*+="},
		{"http", "h", "/100%25", "http://h/100%25"},
		{"http", "h", "/100%25-4%254g%25%C3%A4", "http://h/100%25-4%254g%25%C3%A4"},
		{"http", "h", "/a/", "http://h/a/"},
		{"http", "h", "/.well-known/x", "http://h/.well-known/x"},
		{"http", "h", "/.../..a/.b", "http://h/.../..a/.b"},

		{"http", "h", "/a/../b", "http://h/b*"},
		{"http", "h", "/a/./b", "http://h/a/b*"},
		{"http", "h", "/a/%2e%2E/b", "http://h/b*"},
		{"http", "h", "/../../b", "http://h/b*"},
		{"http", "h", "/a/..", "http://h/*"},
		{"http", "h", "/a/b/.", "http://h/a/b/*"},
		{"http", "h", "//a///b//", "http://h/a/b/*"},

		{"http", "h", "/a%2fb", ""},
		{"http", "h", "/a%5Cb", ""},
		{"http", "h", `/a\b`, ""},
		{"http", "h", "/a%00", ""},
		{"http", "h", "/a%0a", ""},
		{"http", "h", "/a%7f", ""},
		{"http", "h", "/a\x01", ""},
		{"http", "h", "/a b", ""},
		{"http", "h", "/a%", ""},
		{"http", "h", "/a%zz", ""},
		{"http", "h", "/a%252fb", ""},
		{"http", "h", "/a%252e%252e/b", ""},
		{"http", "h", "/a%25252Fb", ""},
		{"http", "h", "/a%255c", ""},
		{"http", "h", "/%2541", ""},
		{"http", "h", "/%2525", ""},
		{"http", "h", "/%25%34%31", ""},
		{"http", "h", "/%25%32f", ""},
		{"http", "h", "/%252%46", ""},
		{"http", "h", "/a%25c3%25a4", ""},
		{"http", "h", "/..;/admin", ""},
		{"http", "h", "/..;x=1/admin", ""},
		{"http", "h", "/.%3Bx/admin", ""},
		{"http", "h", "/;x/admin", ""},
		{"http", "h", "/%c0%af", ""},
		{"http", "h", "/%ff", ""},
		{"http", "h", "/a?b", ""},
		{"http", "h", "/a#b", ""},
		{"http", "h", "a", ""},
		{"http", "h", "*", ""},
		{"ftp", "h", "/", ""},
		{"", "h", "/", ""},
		{"http", "", "/", ""},
		{"http", ".", "/", ""},
		{"http", "a..b", "/", ""},
		{"http", ".a", "/", ""},
		{"http", "a..", "/", ""},
		{"http", "a b", "/", ""},
		{"http", "a@b", "/", ""},
		{"http", "a/b", "/", ""},
		{"http", "ä.example.com", "/", ""},
		{"http", "a%41", "/", ""},
		{"http", "a:b", "/", ""},
		{"http", "a:080", "/", ""},
		{"http", "a:99999", "/", ""},
		{"http", "a:1:2", "/", ""},
		{"http", "[::1", "/", ""},
		{"http", "[]", "/", ""},
		{"http", "[::1]x", "/", ""},
		{"http", "[fe80::1%25eth0]", "/", ""},
	} {
		target, err := Parse(c.scheme, c.host, c.path, "", Options{})
		if c.want == "" {
			if !errors.Is(err, ErrAmbiguous) {
				t.Errorf("%s %s %q: %+v, %v", c.scheme, c.host, c.path, target, err)
			}
			continue
		}
		got := target.Scheme + "://" + target.Host + target.Path
		if target.Changed {
			got += "*"
		}
		if err != nil || got != c.want {
			t.Errorf("%s %s %q: got %s (%v), want %s", c.scheme, c.host, c.path, got, err, c.want)
		}
	}
}

func TestTargetsAreBounded(t *testing.T) {
	if _, err := Parse("http", "h", "/"+strings.Repeat("a", maxTarget), "", Options{}); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	if _, err := Parse("http", "h", "/aaa", "b", Options{MaxLength: 4}); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	for labels, ok := range map[int]bool{127: true, 128: false, 30_000: false} {
		if _, err := Parse("http", strings.Repeat("a.", labels)+"a:8080", "/", "", Options{}); ok != (err == nil) || err != nil && !errors.Is(err, ErrAmbiguous) {
			t.Errorf("a host of %d labels: %v", labels+1, err)
		}
	}
	for _, query := range []string{"a b", "a\x00", "a#b", "a\n"} {
		if _, err := Parse("http", "h", "/", query, Options{}); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("%q: %v", query, err)
		}
	}
	if target, err := Parse("http", "h", "/", "a=%2F&b=/../", Options{}); err != nil || target.RawQuery != "a=%2F&b=/../" {
		t.Error(target, err)
	}
}

// FuzzParseTarget holds what everybody relies on: the result is its own normal form, has nothing that is read in two ways,
// means the same to net/url, and says so where it means something else than what was sent.
func FuzzParseTarget(f *testing.F) {
	for _, path := range []string{"/a/../b", "/%2e%2e/;x", "//a/%C3%A4/./", "/a%25/..;", "/%252f", "/%25%34%31", "/50%25/%25a", "/a\x80"} {
		f.Add("https", "A.example.com.:443", path, "q=1")
	}
	f.Fuzz(func(t *testing.T, scheme, host, path, query string) {
		target, err := Parse(scheme, host, path, query, Options{})
		if err != nil {
			if target != (Target{}) {
				t.Fatalf("an error and %+v", target)
			}
			return
		}
		again, err := Parse(target.Scheme, target.Host, target.Path, target.RawQuery, Options{})
		want := target
		want.Changed = false
		if err != nil || again != want {
			t.Fatalf("%+v is normalized to %+v (%v)", target, again, err)
		}
		decoded := Unescape(target.Path)
		if !utf8.ValidString(decoded) || strings.ContainsAny(decoded, "\\\x00\r\n") || strings.Contains(decoded, "//") {
			t.Fatalf("%q", decoded)
		}
		for i := range decoded {
			if _, again := unhex(decoded, i+1); again && decoded[i] == '%' {
				t.Fatalf("%q can be decoded once more", decoded)
			}
		}
		for segment := range strings.SplitSeq(decoded, "/") {
			if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
				t.Fatalf("%q has a dot segment", decoded)
			}
		}
		u, err := url.Parse(target.Scheme + "://" + target.Host + target.Path)
		if err != nil || u.Path != decoded || u.Host != target.Host {
			t.Fatalf("net/url reads %+v as %+v (%v)", target, u, err)
		}
		if original, err := url.PathUnescape(path); err == nil && path != "" && !target.Changed && original != decoded {
			t.Fatalf("%q became %q without a word", path, target.Path)
		}
	})
}
