package admin

import (
	"strings"
	"testing"
)

func TestBearer(t *testing.T) {
	for _, c := range []struct {
		values    []string
		text      string
		shown, ok bool
	}{
		{nil, "", false, true},
		{[]string{"Bearer abc"}, "abc", true, true},
		{[]string{"bEARER   abc "}, "abc", true, true},
		{[]string{"Bearer a b"}, "a b", true, true}, // a key of the configuration may be so
		{[]string{"Basic abc"}, "", false, true},
		{[]string{"Basic abc", "Bearer x"}, "x", true, true},
		{[]string{"Bearer a", "Bearer a"}, "", true, false},
		{[]string{"Bearer"}, "", true, false},
		{[]string{"Bearer  "}, "", true, false},
		{[]string{"Bearerabc"}, "", false, true},
		{[]string{""}, "", false, true},
		{[]string{"Bearer " + strings.Repeat("a", maxCredential)}, strings.Repeat("a", maxCredential), true, true},
		{[]string{"Bearer " + strings.Repeat("a", maxCredential+1)}, strings.Repeat("a", maxCredential+1), true, false},
	} {
		text, shown, ok := bearer(c.values)
		if text != c.text || shown != c.shown || ok != c.ok {
			t.Errorf("%.30q: %.20q %t %t", c.values, text, shown, ok)
		}
	}
}

func FuzzBearer(f *testing.F) {
	for _, s := range []string{"Bearer abc", "bearer  a", "Basic x", "Bearer", "", "Bearer \t", "DPoP x", "Bearer a,Bearer b"} {
		f.Add(s, "")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		values := []string{one}
		if two != "" {
			values = append(values, two)
		}
		text, shown, ok := bearer(values)
		switch {
		case !shown && (text != "" || !ok):
			t.Errorf("%q: nothing is shown, and it is %q", values, text)
		case shown && ok && (text == "" || len(text) > maxCredential || strings.HasPrefix(text, " ")):
			t.Errorf("%q is %q", values, text)
		case shown && ok && !strings.Contains(one, text) && !strings.Contains(two, text):
			t.Errorf("%q: %q was never shown", values, text)
		}
	})
}
