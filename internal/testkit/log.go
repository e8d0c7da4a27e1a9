package testkit

import (
	"bytes"
	"log/slog"
	"sync"
)

// Log keeps what is logged, for tests that read it while several goroutines write. The zero value is an empty one.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Logger writes to the log, of every level.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is what has been logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
