package pattern

// grammar says where a text goes from a state with a character: refused where nowhere. With nothing it says whether the
// text may end. The first state is 0.
type grammar func(state uint8, c rune) uint8

const refused uint8 = 255

// anyText is the grammar of field values and query parameters.
func anyText(_ uint8, c rune) uint8 {
	if c != nothing && (c < ' ' || c == 0x7f) {
		return refused
	}
	return 0
}

// The states of urlText.
const (
	urlStart uint8 = iota
	urlH
	urlT
	urlTT
	urlHTTP
	urlScheme
	urlColon
	urlSlash
	urlHost    // a label begins
	urlLabel   // in a label
	urlAddress // in [ ]
	urlAfter   // behind ]
	urlPort    // a port begins
	urlInPort  // in a port
	urlSegment // a segment begins
	urlDot     // a segment that is "." so far
	urlDots    // a segment that is ".." so far
	urlInside  // in a segment
	urlPercent // behind a %
	urlHex     // behind a % and a hexadecimal digit

	grammarStates
)

// urlText is the grammar of what patterns are compared with: scheme://host/path of a Target. It leaves out what would be
// refused or written otherwise by target.Parse.
func urlText(state uint8, c rune) uint8 {
	switch state {
	case urlStart, urlH, urlT, urlTT, urlHTTP, urlScheme, urlColon, urlSlash:
		return urlScheming(state, c)
	case urlHost, urlLabel, urlAddress, urlAfter, urlPort, urlInPort:
		return urlHosting(state, c)
	}
	switch {
	case c == nothing:
		if state == urlDot || state == urlDots {
			return refused
		}
		return state
	case c < ' ' || c == 0x7f || c == '\\':
		return refused
	case c == '/':
		if state == urlSegment || state == urlDot || state == urlDots {
			return refused
		}
		return urlSegment
	case c == ';' && (state == urlSegment || state == urlDot || state == urlDots):
		return refused
	case state == urlPercent && c < 0x80 && isHex(c):
		return urlHex
	case state == urlHex && c < 0x80 && isHex(c): // it would be percent-encoded twice
		return refused
	case c == '%':
		return urlPercent
	case c == '.' && state == urlSegment:
		return urlDot
	case c == '.' && state == urlDot:
		return urlDots
	}
	return urlInside
}

func isHex(c rune) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func urlScheming(state uint8, c rune) uint8 {
	want := [...]rune{urlStart: 'h', urlH: 't', urlT: 't', urlTT: 'p', urlScheme: ':', urlColon: '/', urlSlash: '/'}
	switch {
	case state == urlHTTP && c == 's':
		return urlScheme
	case state == urlHTTP && c == ':':
		return urlColon
	case state == urlHTTP || c != want[state]:
		return refused
	}
	return state + 1
}

func urlHosting(state uint8, c rune) uint8 {
	switch {
	case state == urlHost && c == '[':
		return urlAddress
	case state == urlAddress:
		if c == ']' {
			return urlAfter
		}
		if c == ':' || c == '.' || c < 0x80 && c >= 0 && isHex(c) && (c < 'A' || c > 'F') {
			return urlAddress
		}
		return refused
	case state == urlPort && '1' <= c && c <= '9':
		return urlInPort
	case state == urlInPort && '0' <= c && c <= '9':
		return urlInPort
	case c == '/' && (state == urlLabel || state == urlAfter || state == urlInPort):
		return urlSegment
	case state == urlPort || state == urlInPort:
		return refused
	case c == ':' && (state == urlLabel || state == urlAfter):
		return urlPort
	case state == urlAfter:
		return refused
	case c == '.' && state == urlLabel:
		return urlHost
	case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_':
		return urlLabel
	}
	return refused
}
