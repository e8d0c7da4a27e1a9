package backup

import "io"

// handoff is a writer whose bytes another goroutine passes on, so that whoever writes need not wait for what becomes of them.
type handoff struct {
	full  chan []byte
	empty chan []byte
	ended chan struct{}
	err   error // once ended is closed
}

// handoffBlocks is how many writes wait at the most.
const handoffBlocks = 16

func newHandoff(to io.Writer) *handoff {
	h := &handoff{full: make(chan []byte, handoffBlocks), empty: make(chan []byte, handoffBlocks), ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
		for block := range h.full {
			if _, h.err = to.Write(block); h.err != nil {
				return
			}
			select {
			case h.empty <- block:
			default:
			}
		}
	}()
	return h
}

// Write implements io.Writer. The error is that of an earlier one.
func (h *handoff) Write(p []byte) (int, error) {
	var block []byte
	select {
	case block = <-h.empty:
	default:
	}
	select {
	case h.full <- append(block[:0], p...):
		return len(p), nil
	case <-h.ended:
		return 0, h.err
	}
}

// Close waits until all is passed on.
func (h *handoff) Close() error {
	close(h.full)
	<-h.ended
	return h.err
}
