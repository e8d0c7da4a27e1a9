package browser

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

func TestMain(m *testing.M) { process.Main(m, closeChromium) }

// chromium is one browser for all tests. Each person has a profile of their own in it, which knows nothing of the others.
type chromium struct {
	ctx     context.Context
	close   func()
	profile string
}

var running = sync.OnceValues(startChromium)

func startChromium() (*chromium, error) {
	profile, err := os.MkdirTemp("", "gatehouse-chromium-")
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.UserDataDir(profile),
		chromedp.WSURLReadTimeout(2 * time.Minute), // a machine that does other things may take long to start it
	}
	for _, flag := range []string{
		"disable-gpu", "disable-quic", "disable-background-networking", "disable-component-update", "disable-sync",
		"disable-dev-shm-usage", "disable-extensions", "disable-background-timer-throttling", "disable-renderer-backgrounding",
		"disable-backgrounding-occluded-windows", "no-default-browser-check", "no-proxy-server",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	c := &chromium{ctx: ctx, close: func() { end(); stop() }, profile: profile}
	if err := chromedp.Do(ctx); err != nil {
		c.end()
		return nil, fmt.Errorf("starting Chromium: %w; `make test` installs it on Debian", err)
	}
	return c, nil
}

func (c *chromium) end() {
	c.close()
	_ = os.RemoveAll(c.profile)
}

// closeChromium ends the browser, where a test has started it.
func closeChromium() {
	if c, err := running(); err == nil {
		c.end()
	}
}
