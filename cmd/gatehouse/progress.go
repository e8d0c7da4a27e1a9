package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// progress says how far a long work is: on a terminal as a bar that stays on its line, elsewhere as a line now and then. Where the total is 0
// nobody knows it, and what is done is counted.
type progress struct {
	out      io.Writer
	what     string
	total    int64
	terminal bool
	began    time.Time
	start    int64     // where this run began
	shown    time.Time // when something was said last
}

func newProgress(out io.Writer, what string, total, start int64) *progress {
	p := &progress{out: out, what: what, total: total, began: time.Now(), start: start}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

const (
	barWidth      = 30
	terminalEvery = 100 * time.Millisecond
	linesEvery    = 10 * time.Second
)

// at says that done of total are done, unless something was said just now.
func (p *progress) at(done int64, note string) {
	every := linesEvery
	if p.terminal {
		every = terminalEvery
	}
	if now := time.Now(); now.Sub(p.shown) >= every {
		p.shown = now
		p.say(done, note)
	}
}

// end says the last word, and leaves the line.
func (p *progress) end(done int64, note string) {
	p.say(done, note)
	if p.terminal {
		_, _ = fmt.Fprintln(p.out)
	}
}

// clear makes room for a message of its own on a terminal.
func (p *progress) clear() {
	if p.terminal {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = time.Time{}
	}
}

func (p *progress) say(done int64, note string) {
	far := strconv.FormatInt(done, 10)
	if p.total > 0 {
		part := min(max(done, 0), p.total) // which may have been estimated, or grow meanwhile
		far = fmt.Sprintf("%3d %%", 100*part/p.total)
		if full := int(barWidth * part / p.total); p.terminal {
			far = "[" + strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + "] " + far
		}
	}
	line := fmt.Sprintf("%s %s  %s%s", p.what, far, note, p.left(done))
	if !p.terminal {
		_, _ = fmt.Fprintln(p.out, line)
		return
	}
	_, _ = fmt.Fprint(p.out, "\r\x1b[K"+line)
}

// left estimates the time that is still needed from what this run did so far.
func (p *progress) left(done int64) string {
	took := time.Since(p.began)
	if did := done - p.start; did > 0 && done < p.total && took > time.Second {
		rest := time.Duration(float64(took) * float64(p.total-done) / float64(did))
		return fmt.Sprintf(", %s left", rest.Round(time.Second))
	}
	return ""
}
