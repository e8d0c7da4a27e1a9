package authn

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// What cannot be remembered must not be accepted; what is forgotten makes room.
func TestReplaysAreBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	r := newReplays(3)
	for i := range 3 {
		if seen, room := r.add(strconv.Itoa(i), now); seen || !room {
			t.Fatalf("%d: %v, %v", i, seen, room)
		}
	}
	if seen, room := r.add("0", now); !seen || !room {
		t.Errorf("a known one: %v, %v", seen, room)
	}
	if _, room := r.add("3", now); room {
		t.Error("there is room for a fourth")
	}
	now = now.Add(keepProofs + 1)
	if seen, _ := r.add("0", now); !seen {
		t.Error("one of the last generation is forgotten")
	}
	now = now.Add(keepProofs + 1)
	if seen, room := r.add("0", now); seen || !room {
		t.Errorf("after two generations: %v, %v", seen, room)
	}
}

// A request carries one token that is a token, or nothing, or is refused.
func FuzzLocation(f *testing.F) {
	f.Add("Bearer abc", "a=b; c=d", "x=1&t=2")
	f.Add("dpop  a.b~c+/==", "c=\"d\"; c=e", "t=%41&t=b")
	f.Add("Basic YTpi", ";;=", "t=%zz")
	f.Add("Bearer a b\x00", "c", "t")
	f.Fuzz(func(t *testing.T, header, cookie, query string) {
		r := &access.Request{Header: access.Header{"Authorization": {header}, "Cookie": {cookie}}, Target: target.Target{RawQuery: query}}
		for _, l := range []location{{header: authorization}, {query: "t"}, {cookie: "c"}, {header: authorization, prefix: "p"}} {
			c, err := l.find(r)
			if (err == nil) != (c.token != "") {
				t.Fatalf("%+v: %q and %v", l, c.token, err)
			}
			if err == nil && (strings.ContainsFunc(c.token, func(r rune) bool { return r <= ' ' || r > '~' }) || len(c.token) > maxToken || !strings.HasPrefix(c.token, l.prefix)) {
				t.Fatalf("%+v: %q is a token", l, c.token)
			}
		}
	})
}

// Cookies are those that net/http reads, where it reads any.
func FuzzCookies(f *testing.F) {
	f.Add("a=b; c=d; a=e")
	f.Add("a=\"b\";a;=;c==")
	f.Fuzz(func(t *testing.T, field string) {
		parsed, err := http.ParseCookie(field)
		if err != nil {
			return
		}
		for _, p := range parsed {
			if !slices.Contains(slices.Collect(cookies([]string{field}, p.Name)), p.Value) {
				t.Errorf("%q: %q is not found", field, p.Name)
			}
		}
	})
}

// A proof that is not signed by its own key is none, whatever it looks like.
func FuzzProof(f *testing.F) {
	f.Add("eyJhbGciOiJFUzI1NiIsInR5cCI6ImRwb3Arand0IiwiandrIjp7fX0.e30.AA")
	f.Add("a.b.c")
	f.Add(`{"payload":"e30","protected":"e30","signature":"AA"}`)
	f.Add("eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg")
	f.Fuzz(func(t *testing.T, text string) {
		claims, _, err := parseProof(text)
		if err == nil && (claims.ID == "" || claims.Token == "" || claims.Issued.IsZero()) {
			t.Errorf("%q is a proof: %+v", text, claims)
		}
	})
}

// Claims that can be read have times within bounds; nothing makes the reading panic.
func FuzzClaims(f *testing.F) {
	f.Add(`{"sub":"a","aud":["b"],"exp":1e3,"scp":"a b","cnf":{"jkt":"c"}}`)
	f.Add(`{"exp":-1}`)
	f.Add(`{"active":true,"aud":"x","scope":null,"ext":{"a":1}}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		k, err := readKnown([]byte(text))
		if err == nil && !json.Valid([]byte(text)) {
			t.Errorf("%q was read", text)
		}
		if err == nil && (k.Expires.Year() > 40_000 || k.Expires.Year() < 1) {
			t.Errorf("%q expires %s", text, k.Expires)
		}
		if told, err := readIntrospected([]byte(text)); err == nil && !told.active {
			t.Errorf("%q is active", text)
		}
		_, _ = parseKeys([]byte(text))
		_, _ = readVerified([]byte(text), "", "")
	})
}

// The proof of RFC 9449 §7.1, and the thumbprint of its key in §6.1.
func TestProofOfTheStandard(t *testing.T) {
	const proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	claims, thumbprint, err := parseProof(proof)
	if err != nil {
		t.Fatal(err)
	}

	if claims.ID != "e1j3V_bKic8-LAEB" || claims.Method != "GET" || claims.URL != "https://resource.example.org/protectedresource" ||
		claims.Issued.Unix() != 1562262618 || claims.Token != "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" {
		t.Errorf("got %+v", claims)
	}
	if !sameThumbprint(thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I") {
		t.Error("the key's thumbprint is not that of RFC 9449 §6.1")
	}
}
