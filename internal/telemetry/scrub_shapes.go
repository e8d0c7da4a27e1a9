package telemetry

import "strings"

// markSchemes finds credentials behind the name of their HTTP authentication scheme.
func markSchemes(marks []span, s string) []span {
	past := 0 // the end of the last credential, in which no other begins
	for i := range len(s) {
		if i < past || i > 0 && wordByte(s[i-1]) {
			continue
		}
		var after int
		for _, scheme := range [...]string{"bearer", "basic", "dpop"} {
			if len(s)-i > len(scheme) && strings.EqualFold(s[i:i+len(scheme)], scheme) {
				after = i + len(scheme)
			}
		}
		if after == 0 {
			continue
		}
		from := after
		for from < len(s) && (s[from] == ' ' || s[from] == '+') {
			from++
		}
		if n := encoded20(s[from:]); n > 0 {
			from += n
		}
		if from == after {
			continue
		}
		end := from
		for end < len(s) && (wordByte(s[end]) || strings.IndexByte(".~+/=%:", s[end]) >= 0) {
			end++
		}
		if credential(s[from:end]) {
			marks, past = append(marks, span{from, end}), end
		}
	}
	return marks
}

func encoded20(s string) int {
	if strings.HasPrefix(s, "%") {
		return encoded(s, "20")
	}
	return 0
}

// credential tells "Bearer eyJ0eXAi" from "bearer token missing": a word of lower case is prose.
func credential(run string) bool {
	if len(run) >= 20 {
		return true
	}
	for i := 1; i < len(run); i++ {
		if c := run[i]; c < 'a' || c > 'z' {
			return !(i == len(run)-1 && (c == '.' || c == ':'))
		}
	}
	return false
}

// markShapes finds what can only be a token: JWTs and long random text.
func markShapes(marks []span, s string) []span {
	for i := 0; i < len(s); {
		if !wordByte(s[i]) {
			i++
			continue
		}
		from, part := i, i
		found := false
		for i < len(s) && (wordByte(s[i]) || dot(s, i)) {
			if s[i] == '.' {
				found = found || random(s[part:i])
				part = i + 1
			}
			i++
		}
		found = found || random(s[part:i])
		run := s[from:i]
		if found || strings.HasPrefix(run, "eyJ") && len(run) > 16 {
			// Standard base64 goes on with characters that are no part of a word.
			for i < len(s) && (wordByte(s[i]) || strings.IndexByte("+/=", s[i]) >= 0) {
				i++
			}
			marks = append(marks, span{from, i})
		}
	}
	return marks
}

// markBase64 finds long standard base64, whose alphabet has the slash of paths in it: a plus or padding tells.
func markBase64(marks []span, s string) []span {
	for i := 0; i < len(s); i++ {
		from, plus := i, false
		for i < len(s) && (wordByte(s[i]) || s[i] == '+' || s[i] == '/') {
			plus = plus || s[i] == '+'
			i++
		}
		end := i
		for i < len(s) && s[i] == '=' {
			i++
		}
		padded := i > end && (i == len(s) || !wordByte(s[i]))
		if end-from >= 40 && (plus || padded) && bothCases(s[from:end]) {
			marks = append(marks, span{from, i})
		}
	}
	return marks
}

// random reports whether a word looks drawn at random. From 40 characters on that is nearly every word but names
// in lower case; from 26 on it takes all three kinds of characters. UUIDs and trace ids are ids, not secrets.
func random(word string) bool {
	if len(word) < 26 {
		return false
	}
	if len(word) >= 40 {
		return strings.ContainsAny(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
	}
	return mixed(word)
}

func bothCases(word string) bool {
	return strings.ToUpper(word) != word && strings.ToLower(word) != word
}

// mixed reports whether a word has capitals, small letters and digits.
func mixed(word string) bool {
	var upper, lower, digit bool
	for i := range len(word) {
		c := word[i]
		upper = upper || 'A' <= c && c <= 'Z'
		lower = lower || 'a' <= c && c <= 'z'
		digit = digit || '0' <= c && c <= '9'
	}
	return upper && lower && digit
}
