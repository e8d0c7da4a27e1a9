package chart

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// width is where lists of settings go on in the next line.
const width = 130

// remarks are all that there is to say.
func (c *Conversion) remarks() []string {
	lines := []string{"Values of Gatehouse's chart, made of " + strings.Join(c.read, " and ") + ". Judge what follows before you install."}
	lines = append(lines, c.commands()...)
	if len(c.decide) > 0 {
		lines = append(lines, "", "To decide:")
		for _, d := range c.decide {
			lines = append(lines, "- "+d)
		}
	}
	if len(c.left) > 0 {
		lines = append(lines, "", "Not carried over:")
		for _, r := range c.left {
			lines = append(lines, "- "+r.why+":")
			lines = append(lines, wrapped(slices.Sorted(keys(r.at)))...)
		}
	}
	for i := range lines {
		lines[i] = legible(lines[i])
	}
	return lines
}

// commands are how the Secrets are made; what they hold is written into files before, by hand.
func (c *Conversion) commands() []string {
	if len(c.secrets) == 0 {
		return nil
	}
	lines := []string{"", "Secrets to make before, each out of files that hold what is said here, in the namespace of the release:"}
	for _, s := range c.secrets {
		command := []string{"kubectl create secret generic " + s.name}
		for _, k := range s.keys {
			key, _, _ := strings.Cut(k, ": ")
			lines = append(lines, "- "+s.name+", file "+k)
			command = append(command, "--from-file="+key)
		}
		if s.tls {
			command = []string{"kubectl create secret tls " + s.name + " --cert=tls.crt --key=tls.key"}
		}
		lines = append(lines, "    "+strings.Join(command, " "))
	}
	return lines
}

// wrapped is a list on as many lines as it needs.
func wrapped(all []string) []string {
	var lines []string
	line := "   "
	for i, s := range all {
		s = legible(s)
		if i < len(all)-1 {
			s += ","
		}
		if len(line)+len(s) > width && strings.TrimSpace(line) != "" {
			lines, line = append(lines, line), "   "
		}
		line += " " + s
	}
	return append(lines, line)
}

// legible quotes what would end a line, or hide on one: the names of settings are a stranger's.
func legible(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// without is a text in which no word is a value, or one of those that are in it.
func without(text string, v any) string {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			text = without(text, one)
		}
	case map[string]any:
		for _, key := range slices.Sorted(keys(v)) {
			text = without(text, v[key])
		}
	default:
		word, _ := scalar(v)
		for _, written := range []string{word, strings.Trim(strconv.Quote(word), `"`)} {
			if written != "" {
				text = regexp.MustCompile(`(^|[^\pL\pN])`+regexp.QuoteMeta(written)+`($|[^\pL\pN])`).ReplaceAllString(text, "$1…$2")
			}
		}
	}
	return text
}

// one is the first of a list, and a remark about the others.
func (c *Conversion) one(at string, v any) (map[string]any, bool) {
	list, _ := v.([]any)
	if len(list) == 0 {
		c.leave(at, "it is no list")
		return nil, false
	}
	if len(list) > 1 {
		c.leave(fmt.Sprintf("%s[1…%d]", at, len(list)-1), "the chart's Ingress has one host, that of url")
	}
	m, ok := list[0].(map[string]any)
	if !ok {
		c.leave(at, "its entries are no mappings")
	}
	return m, ok
}
