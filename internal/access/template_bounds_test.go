package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// However a template is written, it ends soon and holds little: whoever writes rules may not take the server from everybody else.
func TestTemplatesEnd(t *testing.T) {
	doubled := `{{ $a := "0123456789" }}` + strings.Repeat(`{{ $a = %s }}`, 60) + `{{ len $a }}`
	twice := func(expression string) string { return strings.ReplaceAll(doubled, "%s", expression) }
	var chain strings.Builder
	for i := range 60 {
		fmt.Fprintf(&chain, `{{ define "t%d" }}{{ template "t%[2]d" . }}{{ template "t%[2]d" . }}{{ end }}`, i, i+1)
	}
	long := strings.Repeat("x", 60<<10)
	for text, want := range map[string]error{
		`{{ range 9000000000000000000 }}{{ end }}`:                                                                       errSteps,
		`{{ range $i := 9000000000000000000 }}{{ $i = add $i 1 }}{{ end }}`:                                              errSteps,
		`{{ range 1000000000 }}{{ continue }}{{ end }}`:                                                                  errSteps,
		`{{ range .Scopes }}{{ range $.Scopes }}{{ if . }}{{ end }}{{ end }}{{ end }}`:                                   errSteps,
		`{{ range 30 }}{{ $x := ` + strings.Repeat("upper (", 4000) + `"a"` + strings.Repeat(")", 4000) + ` }}{{ end }}`: errSteps,
		`{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`:                                              errSteps,
		chain.String() + `{{ define "t60" }}{{ end }}{{ template "t0" . }}`:                                              errSteps,

		twice(`print $a $a`): errValue, twice(`printf "%s%s" $a $a`): errValue, twice(`println $a $a`): errValue, twice(`html $a $a`): errValue,
		twice(`js $a $a`): errValue, twice(`cat $a $a`): errValue, twice(`list $a $a`): errValue, twice(`dict "a" $a "b" $a`): errValue, twice(`toJson (toJson $a)`): errValue,
		twice(`quote $a`): errValue, twice(`join "-" (list $a $a)`): errValue, twice(`b64enc $a`): errValue, twice(`replace "0" "0000000000" $a`): errValue,
		`{{ printf "%1000000d" 1 }}`: errValue, `{{ printf "%*d" 100000 1 }}`: errValue, `{{ printf "%[1]*[2]d" 100000 1 }}`: errValue, `{{ printf "%.9999f" 1.0 }}`: errValue,
		`{{ printf "` + strings.Repeat("%[1]s", 700) + `" .Subject }}`: errValue, `{{ replace "" .Subject .Subject | len }}`: errValue,
		`{{ join .Subject .Scopes | len }}`: errValue,

		`{{ range 100 }}{{ range 50 }}{{ end }}{{ end }}`:              nil,
		`{{ range .Scopes }}{{ . }} {{ end }}`:                         nil,
		`{{ len (upper .Subject) }}`:                                   nil,
		`{{ printf "%s %5.2f %-8s|%%%03d" .Subject 1.5 "a" 7 | len }}`: nil,
		`{{ print . | len }}`:                                          nil,
	} {
		compiled, err := NewTemplate(text)
		if err != nil {
			t.Fatal(text, err)
		}
		p := &Principal{Subject: long, Scopes: make([]string, 200)}
		if strings.HasPrefix(text, "{{ print .") {
			p.Subject = "me"
		}
		begun := testkit.CPUTime(t)
		if _, err = compiled.Execute(p); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%.100s: %v, and not %v", text, err, want)
		}
		if took := testkit.CPUTime(t) - begun; took > 5*time.Second {
			t.Errorf("%.100s: takes %s", text, took)
		}
	}
}

// BenchmarkTemplate is what most rules have.
func BenchmarkTemplate(b *testing.B) {
	compiled, err := NewTemplate(`{{ print .Subject }}`)
	if err != nil {
		b.Fatal(err)
	}
	p := &Principal{Subject: "somebody"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := compiled.Execute(p); err != nil {
			b.Fatal(err)
		}
	}
}
