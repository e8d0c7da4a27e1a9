package backup

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// What is written arrives whole and in its order, also where the writer uses its memory again.
func TestHandoff(t *testing.T) {
	var got bytes.Buffer
	h := newHandoff(&got)
	var want bytes.Buffer
	block := make([]byte, 0, 64)
	for i := range 1000 {
		block = append(block[:0], bytes.Repeat([]byte{byte(i)}, i%64)...)
		want.Write(block)
		if n, err := h.Write(block); n != len(block) || err != nil {
			t.Fatalf("write %d: %d, %v", i, n, err)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%d bytes arrived of %d, or in another order", got.Len(), want.Len())
	}
}

// Where what is written can go no further, the writer is told so instead of waiting, and Close tells it too.
func TestHandoffFails(t *testing.T) {
	broken := errors.New("broken")
	h := newHandoff(failing{broken})
	var err error
	for range 10 * handoffBlocks {
		if _, err = h.Write([]byte("x")); err != nil {
			break
		}
	}
	if !errors.Is(err, broken) {
		t.Errorf("the writer was told %v", err)
	}
	if err := h.Close(); !errors.Is(err, broken) {
		t.Errorf("Close said %v", err)
	}
	h = newHandoff(failing{broken})
	_, _ = io.WriteString(h, "x")
	if err := h.Close(); !errors.Is(err, broken) {
		t.Errorf("after one write Close said %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
