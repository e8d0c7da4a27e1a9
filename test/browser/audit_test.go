package browser

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// axe is axe-core's script, fetched as the lock file says.
var axe = sync.OnceValues(func() (string, error) {
	path := filepath.Join("node_modules", "axe-core", "axe.min.js")
	if _, err := os.Stat(path); err != nil {
		if err := process.InstallPackages("."); err != nil {
			return "", err
		}
	}
	source, err := os.ReadFile(path)
	return string(source), err
})

// at fails unless the person is on the page with that heading, and looks at it closely. The name is that of its pictures.
func (p *person) at(name, heading string) {
	p.t.Helper()
	if got, want := p.heading(), p.word(heading); got != want {
		p.fail("the page's heading is %q, not %q", got, want)
	}
	p.fits(name)
	p.photographed(name)
	p.audited(name)
}

// heading is that of the page.
func (p *person) heading() string {
	p.t.Helper()
	heading, err := eval[string](p, "[...document.querySelectorAll('h1')].map((h) => h.innerText).join(' | ')")
	if err != nil {
		p.fail("%v", err)
	}
	return heading
}

// fits fails if a page is wider than the window, or speaks another language than it says.
func (p *person) fits(name string) {
	p.t.Helper()
	type measures struct {
		Window, Page int
		Language     string
	}
	m, err := eval[measures](p, "({Window: innerWidth, Page: document.documentElement.scrollWidth, Language: document.documentElement.lang})")
	if err != nil {
		p.fail("%v", err)
	}
	if m.Page > m.Window {
		p.t.Errorf("%s: the page %q is %d wide in a window of %d", p.device.name, name, m.Page, m.Window)
	}
	if !strings.HasPrefix(p.language, m.Language) {
		p.t.Errorf("%s: the page %q says that it is in %q, for somebody who reads %q", p.device.name, name, m.Language, p.language)
	}
}

// finding is a rule of axe-core that a page breaks.
type finding struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// audited are the pages that were looked at, by device and name. Several tests come by the page of the login; one look will do.
var audited sync.Map

// audited has axe-core look at a page in both schemes; in the dark only colours differ.
func (p *person) audited(name string) {
	p.t.Helper()
	if _, before := audited.LoadOrStore(p.device.name+" "+name, true); before {
		return
	}
	source, err := axe()
	if err != nil {
		p.t.Fatal(err)
	}
	if !p.scripts { // axe-core needs them; the page was made without, and its own do not begin any more
		p.runScripts(true)
		defer p.runScripts(false)
	}
	if err := chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void](source+"; undefined")); err != nil {
		p.fail("axe-core: %v", err)
	}
	p.audit(name, "light", `{rules: {"target-size": {enabled: true}}, resultTypes: ["violations"], preload: false}`)
	p.light("dark")
	p.audit(name, "dark", `{runOnly: ["color-contrast", "link-in-text-block"], resultTypes: ["violations"], preload: false}`)
	p.light("light")
}

// runScripts says whether the browser runs scripts from now on.
func (p *person) runScripts(run bool) {
	p.t.Helper()
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
}

func (p *person) audit(name, scheme, options string) {
	p.t.Helper()
	found, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]finding]("axe.run("+options+").then((r) => r.violations)", chromedp.EvalAwaitPromise))
	if err != nil {
		p.fail("axe-core: %v", err)
	}
	for _, f := range found {
		where, _ := json.MarshalIndent(f.Nodes, "", "  ") // it was JSON before
		p.t.Errorf("%s: %s (%s): %s: %s\n%s", p.device.name, name, scheme, f.ID, f.Help, where)
	}
}

// photographed keeps a picture of the whole page, in light and in dark, where the tests are asked to keep what they make.
func (p *person) photographed(name string) {
	p.t.Helper()
	if f := flag.Lookup("test.artifacts"); f == nil || f.Value.String() != "true" {
		return
	}
	for _, scheme := range []string{"dark", "light"} {
		p.light(scheme)
		shot := call(p, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: new(true)})
		path := filepath.Join(p.t.ArtifactDir(), strings.ReplaceAll(p.device.name+" "+name+" "+scheme, " ", "-")+".png")
		if err := os.WriteFile(path, shot.Data, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}
