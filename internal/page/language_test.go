package page

import "testing"

func TestChoosesTheLanguage(t *testing.T) {
	have := []string{"en", "de", "pt-br"}
	for _, c := range []struct {
		asked, accept []string
		want          string
	}{
		{nil, nil, "en"},
		{nil, []string{"de"}, "de"},
		{nil, []string{"de-AT,de;q=0.9,en;q=0.8"}, "de"},
		{nil, []string{"fr-FR,fr;q=0.9,en;q=0.5,de;q=0.7"}, "de"},
		{nil, []string{"en;q=0.5", "de;q=0.6"}, "de"},
		{nil, []string{"de;q=0"}, "en"},
		{nil, []string{"pt-BR"}, "pt-br"},
		{nil, []string{"pt"}, "en"},
		{nil, []string{"*"}, "en"},
		{nil, []string{"de;q=banana,;;;,=,q=1"}, "en"},
		{[]string{"fr", "de-CH"}, []string{"en"}, "de"},
		{[]string{"fr"}, []string{"de"}, "de"},
	} {
		if got := choose(have, c.asked, c.accept); got != c.want {
			t.Errorf("asked %q, accepted %q: %s, want %s", c.asked, c.accept, got, c.want)
		}
	}
}

func FuzzChoose(f *testing.F) {
	f.Add("de-AT,de;q=0.9", "en-GB")
	f.Add(";q=,--,", "-_-")
	f.Fuzz(func(t *testing.T, accept, asked string) {
		if got := choose([]string{"en", "de"}, []string{asked}, []string{accept}); got != "en" && got != "de" {
			t.Errorf("%q is none of ours", got)
		}
	})
}
