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

// TargetOptions say which readings of a target are accepted.
type TargetOptions struct {
	// MaxLength bounds path and query together, in bytes. 0 means 16384.
	MaxLength int
}

// ParseTarget gives the one reading of a request's target. The raw path is as it was sent, percent-encoded and without
// the query. What can be read in two ways is refused with a copy of ErrAmbiguous that names it.
func ParseTarget(scheme, host, rawPath, rawQuery string, o TargetOptions) (Target, error) {
	return Target{Scheme: scheme, Host: host, Path: rawPath, RawQuery: rawQuery}, nil
}
