package pattern

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// Template reads a host of match.hosts (empty for any) and match.path (empty for any).
func (r *Reader) Template(host, path string) (*Reading, error) {
	hostPieces, err := hostTemplate(host)
	if err != nil {
		return nil, err
	}
	pathPieces, err := pathTemplate(path)
	if err != nil {
		return nil, err
	}
	return r.read(mergeText(slices.Concat([]piece{unheard("https?"), {literal: "://"}}, hostPieces, pathPieces)))
}

// ours makes a piece of an expression of our own, for a part of the name.
func ours(source, name string) piece {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		panic("pattern: " + source + ": " + err.Error())
	}
	return piece{expr: &expression{source: source, wider: source, tree: tree}, name: name}
}

// unheard is an expression of our own whose match is told to nobody.
func unheard(source string) piece {
	p := ours(source, "")
	p.expr.silent = true
	return p
}

func mergeText(pieces []piece) []piece {
	var merged []piece
	for _, p := range pieces {
		if n := len(merged); n > 0 && p.expr == nil && merged[n-1].expr == nil {
			merged[n-1].literal += p.literal
			continue
		}
		merged = append(merged, p)
	}
	return merged
}

// CheckHost says why the text cannot stand in match.hosts.
func CheckHost(host string) error {
	if host == "" {
		return errors.New("is empty: write ** for any host")
	}
	_, err := hostTemplate(host)
	return err
}

func hostTemplate(host string) ([]piece, error) {
	name := target.Lower(host)
	switch {
	case host == "" || host == "**" || host == "*":
		return []piece{unheard("[^/]+")}, nil
	case strings.HasPrefix(name, "**."):
		name = name[3:]
		if err := checkHost(name); err != nil {
			return nil, err
		}
		return []piece{unheard("[^/]+"), {literal: "." + name}}, nil
	case strings.HasPrefix(name, "*."):
		name = name[2:]
		if err := checkHost(name); err != nil {
			return nil, err
		}
		return []piece{unheard("[^/.]+"), {literal: "." + name}}, nil
	}
	if err := checkHost(name); err != nil {
		return nil, err
	}
	return []piece{{literal: strings.TrimSuffix(name, ".")}}, nil
}

func checkHost(name string) error {
	if _, err := target.Host("", name); err != nil {
		return fmt.Errorf("%q is not a host name; * stands for one label at its beginning, ** for any number: *.example.com", name)
	}
	if strings.HasSuffix(name, ":80") || strings.HasSuffix(name, ":443") {
		return fmt.Errorf("%q: leave the port out: the host of a request has none where it is its scheme's own", name)
	}
	return nil
}

// pathTemplate reads match.path.
func pathTemplate(path string) (pieces []piece, err error) {
	if path == "" {
		return []piece{{literal: "/"}, ours(".*", "")}, nil
	}
	segments, err := ParsePath(path)
	for _, s := range segments {
		pieces = append(pieces, piece{literal: "/"})
		switch s.Kind {
		case PathText:
			pieces = appendText(pieces, s.Text)
		case PathOne:
			pieces = append(pieces, ours("[^/]+", s.Name))
		case PathRest:
			pieces = append(pieces, ours(".*", s.Name))
		}
	}
	return pieces, err
}

// PathSegment is a segment of a path template.
type PathSegment struct {
	Kind PathKind
	// Text is what a segment of the kind PathText is, without percent-encodings.
	Text string
	// Name is that of {name} and {name**}; "" where there is none.
	Name string
}

// PathKind says what a segment of a path template stands for.
type PathKind uint8

// The kinds of segments.
const (
	PathText PathKind = iota // itself
	PathOne                  // any segment that is not empty: {name}, {*}, *
	PathRest                 // whatever follows: {name**}, {**}, **
)

// ParsePath reads the path templates of rules and of authorizers, which are the same: segments of text, percent-encoded or
// not, {name}, {*} and * for one segment, and {name**}, {**} and ** at the end for any rest. What no request's path has is refused.
func ParsePath(path string) ([]PathSegment, error) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, errors.New("must begin with a slash")
	}
	var list []PathSegment
	seen := make(map[string]bool)
	texts := strings.Split(rest, "/")
	for i, text := range texts {
		last := i == len(texts)-1
		s, err := parseSegment(text)
		switch {
		case err != nil:
			return nil, err
		case s.Kind == PathRest && !last:
			return nil, fmt.Errorf("has %s before its end: only the last segment can stand for any rest", text)
		case s.Name != "" && seen[s.Name]:
			return nil, fmt.Errorf("has {%s} twice", s.Name)
		case s.Kind == PathText && (s.Text == "" && !last || s.Text == "." || s.Text == ".."):
			return nil, errors.New("has an empty segment or a dot segment, which the path of a request does not have")
		}
		seen[s.Name] = true
		list = append(list, s)
	}
	return list, nil
}

func parseSegment(text string) (PathSegment, error) {
	switch {
	case text == "*":
		return PathSegment{Kind: PathOne}, nil
	case text == "**":
		return PathSegment{Kind: PathRest}, nil
	case !strings.ContainsAny(text, "{}*"):
		plain, err := target.PlainSegment(text)
		return PathSegment{Text: plain}, err
	}
	name, open := strings.CutPrefix(text, "{")
	name, closed := strings.CutSuffix(name, "}")
	name, rest := strings.CutSuffix(name, "**")
	s := PathSegment{Kind: PathOne, Name: name}
	if rest {
		s.Kind = PathRest
	}
	if name == "*" && !rest {
		s.Name = ""
	} else if name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || name == "" && !rest {
		open = false
	}
	if !open || !closed {
		return PathSegment{}, fmt.Errorf("the segment %q is neither text nor {name}, {name**}, {*}, {**}, * or **", text)
	}
	return s, nil
}
