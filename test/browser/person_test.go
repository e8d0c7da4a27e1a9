package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// device is what a person sits at, or holds.
type device struct {
	name          string
	width, height int64
	phone         bool
	userAgent     string
	// known is how the list of devices calls it, without the word between browser and system.
	browser, system string
	language        string
	scripts         bool
}

var (
	desktop = device{
		name: "desktop", width: 1280, height: 900, scripts: true, language: "en-GB,en;q=0.9",
		userAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
		browser:   "Chrome", system: "Linux",
	}
	phone = device{
		name: "phone", width: 390, height: 844, phone: true, scripts: true, language: "de-AT,de;q=0.9,en;q=0.3",
		userAgent: "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
		browser:   "Chrome", system: "Android",
	}
	plain = device{
		name: "without scripts", width: 1280, height: 900, language: "en-GB,en;q=0.9",
		userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		browser:   "Firefox", system: "Linux",
	}
)

// person looks at a page and does what people do with pages.
type person struct {
	t    *testing.T
	ctx  context.Context
	site *site
	device

	mu       sync.Mutex
	problems []string
}

// newPerson opens a browser that nobody has used before.
func newPerson(t *testing.T, s *site, d device) *person {
	t.Helper()
	c, err := running()
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, site: s, device: d}
	var end context.CancelFunc
	p.ctx, end = chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	t.Cleanup(func() {
		end()
		for _, problem := range p.problems {
			t.Errorf("%s: %s", d.name, problem)
		}
	})
	call(p, log.Enable, cdp.Empty{})
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(p, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: d.userAgent, AcceptLanguage: d.language})
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: d.width, Height: d.height, DeviceScaleFactor: 1, Mobile: d.phone,
	})
	call(p, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: d.phone})
	p.light("light")
	p.runScripts(d.scripts)
	return p
}

// call sends a command of the DevTools protocol to the person's page.
func call[P, R any](p *person, command cdp.Command[P, R], parameters P) R {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	// The context of the first call is the one that the page lives in.
	if chromedp.FromContext(p.ctx).Target == nil {
		ctx = p.ctx
	}
	result, err := chromedp.Call(ctx, command, parameters)
	if err != nil {
		p.fail("%s: %v", command.Method, err)
	}
	return result
}

// fail ends the test, and says where the person was.
func (p *person) fail(format string, args ...any) {
	p.t.Helper()
	where, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body?.innerText"))
	p.t.Fatalf("%s: %s\non %s", p.name, fmt.Sprintf(format, args...), where)
}

// hear notes what a browser complains about: a policy that is violated, a script that fails.
func (p *person) hear(event any) {
	var problem string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		// Each answer of 400 and above is noted too; the tests say themselves what they expect.
		if e.Entry.Source == log.EntrySourceNetwork || e.Entry.Level != log.EntryLevelError && e.Entry.Level != log.EntryLevelWarning {
			return
		}
		problem = fmt.Sprintf("the browser says: %s (%s)", e.Entry.Text, e.Entry.URL)
	case *runtime.EventExceptionThrown:
		problem = "a script failed: " + e.ExceptionDetails.Text
	default:
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, problem)
}

// light switches the light on or off: the browser prefers light or dark pages. Nothing moves.
func (p *person) light(scheme string) {
	p.t.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// eval runs an expression in the page, also where pages run no scripts. What it finds in the page while that is being replaced
// is an error, which those who wait try again.
func eval[T any](p *person, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// text makes a JavaScript literal.
func text(s string) string {
	b, _ := json.Marshal(s) // a string can always be written
	return string(b)
}

// wait waits until something is as it should be.
func (p *person) wait(what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.fail("%s did not happen within %s", what, patience)
		}
	}
}

// leads does something that leads to another page, and waits until that is there.
func (p *person) leads(what string, do func()) {
	p.t.Helper()
	if _, err := eval[bool](p, "globalThis.leaving = true"); err != nil {
		p.fail("%s: %v", what, err)
	}
	do()
	p.wait(what, func() bool {
		there, err := eval[bool](p, "!globalThis.leaving && document.readyState === 'complete'")
		return err == nil && there
	})
}

// opens goes to an address.
func (p *person) opens(address string) {
	p.t.Helper()
	p.leads("opening "+address, func() {
		if to := call(p, page.Navigate, page.NavigateParams{URL: address}); to.ErrorText != "" {
			p.fail("opening %s: %s", address, to.ErrorText)
		}
	})
}

// back presses the browser's button.
func (p *person) back() {
	p.t.Helper()
	been := call(p, page.GetNavigationHistory, cdp.Empty{})
	call(p, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: been.Entries[been.CurrentIndex-1].ID})
}

// address is where the person is.
func (p *person) address() string {
	p.t.Helper()
	address, err := eval[string](p, "location.href")
	if err != nil {
		p.fail("%v", err)
	}
	return address
}

// sees fails unless a text is to be seen on the page: words of the pages, in the person's language, or as they are.
func (p *person) sees(want string) {
	p.t.Helper()
	want = p.spoken(want)
	if seen, err := eval[string](p, "document.body.innerText"); err != nil || !strings.Contains(blanks(seen), want) {
		p.fail("%q is not to be seen (%v)", want, err)
	}
}

// refused fails unless the page says that something is wrong, to those who see and to those who listen.
func (p *person) refused() {
	p.t.Helper()
	p.told("[role=alert], [aria-invalid=true]", "that something is wrong")
}

// succeeded fails unless the page says that something was done.
func (p *person) succeeded() {
	p.t.Helper()
	p.told(".success[role=status]", "that it is done")
}

func (p *person) told(selector, what string) {
	p.t.Helper()
	n, err := eval[int](p, "[...document.querySelectorAll("+text(selector)+")].filter((e) => e.checkVisibility()).length")
	if err != nil || n == 0 {
		p.fail("the page does not say %s (%v)", what, err)
	}
}

// seesNot fails if a text is to be seen.
func (p *person) seesNot(unwanted string) {
	p.t.Helper()
	unwanted = p.spoken(unwanted)
	if seen, err := eval[string](p, "document.body.innerText"); err != nil || strings.Contains(blanks(seen), unwanted) {
		p.fail("%q is to be seen (%v)", unwanted, err)
	}
}

// blanks makes one blank of several.
func blanks(s string) string { return strings.Join(strings.Fields(s), " ") }

// finder finds what a person would point to: a field by its label, a button or a link by what it says or is called.
const finder = `((kind, name, within) => {
  const plain = (s) => s.trim().replace(/\s+/g, " ");
  const root = within === "" ? document : document.querySelector("section[aria-label=" + CSS.escape(within) + "]");
  if (!root) throw new Error("there is no section " + within);
  let found;
  if (kind === "field") {
    found = [...root.querySelectorAll("label")].filter((l) => plain(l.firstChild.textContent) === name).map((l) => document.getElementById(l.htmlFor));
  } else {
    found = [...root.querySelectorAll(kind)].filter((e) => plain(e.getAttribute("aria-label") ?? e.textContent) === name);
  }
  found = found.filter((e) => e.checkVisibility());
  if (found.length !== 1) throw new Error("there are " + found.length + " of " + kind + " " + name);
  return found[0];
})`

func (p *person) find(kind, name string, within ...string) string {
	section := ""
	if len(within) > 0 {
		section = p.word(within[0])
	}
	return fmt.Sprintf("%s(%s, %s, %s)", finder, text(kind), text(p.word(name)), text(section))
}

// point is a place in the window.
type point struct{ X, Y float64 }

// clicks moves the mouse to what an expression finds, where nothing covers it, and presses.
func (p *person) clicks(element string) {
	p.t.Helper()
	at, err := eval[point](p, `((e) => {
  e.scrollIntoView({block: "center", behavior: "instant"});
  const box = e.getClientRects()[0], at = {X: box.x + box.width / 2, Y: box.y + box.height / 2};
  const top = document.elementFromPoint(at.X, at.Y);
  if (!e.contains(top)) throw new Error("it is covered by " + top?.outerHTML);
  return at;
})(`+element+")")
	if err != nil {
		p.fail("clicking %s: %v", element[len(finder):], err)
	}
	for _, do := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		call(p, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: do, X: at.X, Y: at.Y, Button: input.MouseButtonLeft, ClickCount: 1})
	}
}

// presses presses a button and waits for the page that it leads to. It may say in which section of the page the button is.
func (p *person) presses(name string, within ...string) {
	p.t.Helper()
	p.leads("pressing "+name, func() { p.clicks(p.find("button", name, within...)) })
}

// follows follows a link.
func (p *person) follows(name string, within ...string) {
	p.t.Helper()
	p.leads("following "+name, func() { p.clicks(p.find("a", name, within...)) })
}

// ticks sets or unsets a tick.
func (p *person) ticks(name string) {
	p.t.Helper()
	p.clicks(p.find("field", name))
}

// fills types into a field, in place of what was there.
func (p *person) fills(name, value string) {
	p.t.Helper()
	field := p.find("field", name)
	p.clicks(field)
	p.key("a", "selectAll")
	call(p, input.InsertText, input.InsertTextParams{Text: value})
	p.wait("typing "+name, func() bool { got, err := eval[string](p, field+".value"); return err == nil && got == value })
}

// holds is what stands in a field.
func (p *person) holds(name string) string {
	p.t.Helper()
	value, err := eval[string](p, p.find("field", name)+".value")
	if err != nil {
		p.fail("reading %s: %v", name, err)
	}
	return value
}
