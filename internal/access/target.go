package access

// Target is where a request goes, after normalization: what rules match and what the upstream gets.
type Target struct {
	// Scheme is http or https.
	Scheme string
	// Host is in lower case, without a trailing dot and without the scheme's own port.
	Host string
	// Path begins with "/"; it is percent-encoded in one canonical way and has no dot segments and no empty ones but the last.
	Path string
	// RawQuery is as it was sent.
	RawQuery string
	// Changed tells that normalization changed the path by more than the spelling of percent-encodings: an upstream that
	// sees the original may read something else.
	Changed bool
}
