package secret

// Exhaust takes all memory that computations may use, until the function it gives is called.
func (h *Hasher) Exhaust() (free func()) {
	if !h.memory.TryAcquire(int64(h.maxMemory)) {
		panic("memory is in use")
	}
	return func() { h.memory.Release(int64(h.maxMemory)) }
}

// Waiting gives the number of computations that wait for memory.
func (h *Hasher) Waiting() int { return int(h.waiting.Load()) }

// Remembered gives the number of verified secrets in memory.
func (h *Hasher) Remembered() int {
	h.verified.mu.RLock()
	defer h.verified.mu.RUnlock()
	return len(h.verified.until)
}
