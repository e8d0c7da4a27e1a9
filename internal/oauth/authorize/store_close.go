package authorize

// Close waits for what is being written and refuses what comes later.
func (s *Store) Close() { s.writes.Close() }
