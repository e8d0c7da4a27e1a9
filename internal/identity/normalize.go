package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of what finds an identity.
const (
	maxEmail      = 254 // RFC 5321 §4.5.3.1.3, without the brackets
	maxEmailLocal = 64  // RFC 5321 §4.5.3.1.1
	maxLabel      = 63  // RFC 1035 §2.3.4
	// maxTyped is what an address may have before it is folded, which makes full-width letters short, and others eleven
	// times as long: strangers must not have a megabyte folded.
	maxTyped      = 4 * maxEmail
	maxIdentifier = 1024
)

// NormalizeAddress returns the address as it is stored, compared and sent to, and false where it is none.
func NormalizeAddress(via, value string) (string, bool) {
	switch via {
	case ViaEmail:
		return normalizeEmail(value)
	case ViaSMS:
		return normalizePhone(value)
	}
	return "", false
}

// NormalizeIdentifier returns what somebody typed as it is compared with identifiers: phone numbers in E.164, anything
// else without surrounding blanks, in lower case, and with compatible characters made the same (Unicode's NFKC), so that
// nobody can sign up under a name that only looks different.
func NormalizeIdentifier(typed string) string {
	if phone, ok := normalizePhone(typed); ok {
		return phone
	}
	return fold(typed)
}

// fold makes texts the same that a person would call the same. Each step can make work for another ("¯" is a blank and a
// mark to NFKC), so they are taken until nothing changes: what was folded once is found again.
func fold(s string) string {
	for range maxFolds {
		next := strings.TrimSpace(strings.ToLower(norm.NFKC.String(strings.ToLower(s))))
		if next == s {
			break
		}
		s = next
	}
	return s
}

// maxFolds is more than any text is known to need.
const maxFolds = 8

// validIdentifier reports whether an identifier, normalised, can be one: something, of bounded length, on one line.
func validIdentifier(s string) bool {
	return s != "" && len(s) <= maxIdentifier && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// normalizeEmail takes the addresses that RFC 5321 §4.1.2 and RFC 6531 §3.3 call mailboxes with a dot-string and a domain.
// Quoted strings, address literals and comments are refused: no mail provider gives them out, and they are where parsers
// disagree about who gets the mail.
func normalizeEmail(value string) (string, bool) {
	if len(value) > maxTyped {
		return "", false
	}
	s := fold(value)
	at := strings.LastIndexByte(s, '@')
	if at < 1 || len(s) > maxEmail || at > maxEmailLocal || !utf8.ValidString(s) {
		return "", false
	}
	for atom := range strings.SplitSeq(s[:at], ".") {
		if atom == "" || strings.IndexFunc(atom, notAtext) >= 0 {
			return "", false
		}
	}
	return s, validDomain(s[at+1:])
}

// notAtext finds what an atom may not hold (RFC 5322 §3.2.3, RFC 6532 §3.2).
func notAtext(r rune) bool {
	if r < utf8.RuneSelf {
		return !isLetterOrDigit(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	}
	return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == utf8.RuneError
}

func isLetterOrDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// validDomain takes host names, internationalised ones too (RFC 5890).
func validDomain(s string) bool {
	if s == "" {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if !isLetterOrDigit(r) && r != '-' && (r < utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)) {
				return false
			}
		}
	}
	return true
}

// Digits of a phone number with its country code: E.164 allows fifteen, and no country has fewer than seven.
const (
	minPhone = 7
	maxPhone = 15
)

// normalizePhone takes international numbers, "+" and the country code first, with the separators that people put between
// digits, and returns them as E.164 writes them. "(0)", the trunk prefix of national calls, is left out. Whether the
// number is in use only a message to it can tell.
func normalizePhone(value string) (string, bool) {
	s, ok := strings.CutPrefix(strings.TrimSpace(value), "+")
	if !ok || len(s) > 64 {
		return "", false
	}
	s = strings.Replace(s, "(0)", "", 1)
	digits := make([]byte, 1, maxPhone+1)
	digits[0] = '+'
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			if len(digits) > maxPhone {
				return "", false
			}
			digits = append(digits, byte(r))
		case r != ' ' && r != '-' && r != '.' && r != '(' && r != ')' && r != '/' && r != '\u00a0':
			return "", false
		}
	}
	return string(digits), len(digits) > minPhone && countryCode(string(digits[1:])) != ""
}

// The country codes that ITU-T E.164 assigns, each with a blank before and after.
const countryCodes = " 1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 " +
	"91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 " +
	"241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290 291 " +
	"297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 379 380 381 382 383 385 386 387 " +
	"389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 " +
	"677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 878 880 881 882 883 886 888 " +
	"960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998 "

// countryCode returns the country code that the digits begin with, "" for none. No code is the beginning of another.
func countryCode(digits string) string {
	for n := 1; n <= 3 && n < len(digits); n++ {
		if strings.Contains(countryCodes, " "+digits[:n]+" ") {
			return digits[:n]
		}
	}
	return ""
}
