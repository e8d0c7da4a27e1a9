package courier

// truncate gives the first n characters of s.
func truncate(n int, s string) string {
	runes := []rune(s)
	if n < len(runes) {
		return string(runes[:n])
	}
	return s
}
