package limit

// Counted gives the number of counters.
func (l *Limits) Counted() (n int) {
	for i := range l.cells.parts {
		p := &l.cells.parts[i]
		p.mu.Lock()
		n += len(p.tat)
		p.mu.Unlock()
	}
	return n
}
