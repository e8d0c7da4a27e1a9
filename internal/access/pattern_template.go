package access

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
)

// compileTemplate makes a pattern of a host of match.hosts (empty for any) and match.path (empty for any).
func compileTemplate(host, path string) (*pattern, error) {
	hostPieces, err := hostTemplate(host)
	if err != nil {
		return nil, err
	}
	pathPieces, names, err := pathTemplate(path)
	if err != nil {
		return nil, err
	}
	pieces := []piece{wild("https?"), {literal: "://"}}
	pieces = append(append(pieces, hostPieces...), pathPieces...)
	p, err := compilePieces(mergeText(pieces))
	if err != nil {
		return nil, err
	}
	p.scheme.groups, p.host.groups = 0, 0
	for i := range p.segments {
		p.segments[i].name = names[i]
	}
	if p.rest != nil {
		p.rest.name = names[len(p.segments)]
	}
	return p, nil
}

// wild makes an expression of our own.
func wild(source string) piece {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		panic("access: " + source + ": " + err.Error())
	}
	return piece{expr: &expression{source: source, wider: source, tree: tree}}
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

func hostTemplate(host string) ([]piece, error) {
	name := lowerASCII(host)
	switch {
	case host == "" || host == "**" || host == "*":
		return []piece{wild("[^/]+")}, nil
	case strings.HasPrefix(name, "**."):
		name = name[3:]
		if err := checkHost(name); err != nil {
			return nil, err
		}
		return []piece{wild("[^/]+"), {literal: "." + name}}, nil
	case strings.HasPrefix(name, "*."):
		name = name[2:]
		if err := checkHost(name); err != nil {
			return nil, err
		}
		return []piece{wild("[^/.]+"), {literal: "." + name}}, nil
	}
	if err := checkHost(name); err != nil {
		return nil, err
	}
	return []piece{{literal: strings.TrimSuffix(name, ".")}}, nil
}

func checkHost(name string) error {
	if _, err := normalHost("", name); err != nil {
		return fmt.Errorf("%q is not a host name; * stands for one label at its beginning, ** for any number: *.example.com", name)
	}
	if strings.HasSuffix(name, ":80") || strings.HasSuffix(name, ":443") {
		return fmt.Errorf("%q: leave the port out: the host of a request has none where it is its scheme's own", name)
	}
	return nil
}

// pathTemplate reads match.path; names has one for each segment and the rest, empty where there is none.
func pathTemplate(path string) (pieces []piece, names []string, err error) {
	if path == "" {
		return []piece{{literal: "/"}, wild(".*")}, []string{""}, nil
	}
	if path[0] != '/' {
		return nil, nil, errors.New("must begin with a slash")
	}
	segments := strings.Split(path[1:], "/")
	seen := make(map[string]bool)
	for i, s := range segments {
		pieces = append(pieces, piece{literal: "/"})
		name, kind, err := segmentTemplate(s)
		if err != nil {
			return nil, nil, err
		}
		if kind == ".*" && i < len(segments)-1 {
			return nil, nil, fmt.Errorf("has %s before its end: only the last segment can stand for any rest", s)
		}
		if name != "" && seen[name] {
			return nil, nil, fmt.Errorf("has {%s} twice", name)
		}
		seen[name] = true
		if kind != "" {
			pieces, names = append(pieces, wild(kind)), append(names, name)
			continue
		}
		if (s == "" && i < len(segments)-1) || s == "." || s == ".." {
			return nil, nil, errors.New("has an empty segment or a dot segment, which the path of a request does not have")
		}
		pieces, names = appendText(pieces, unescape(s)), append(names, "")
	}
	return pieces, names, nil
}

// segmentTemplate gives the name and the expression of a segment, both empty for text.
func segmentTemplate(s string) (name, expr string, err error) {
	switch {
	case s == "*":
		return "", "[^/]+", nil
	case s == "**":
		return "", ".*", nil
	case !strings.ContainsAny(s, "{}*"):
		return "", "", nil
	}
	name, open := strings.CutPrefix(s, "{")
	name, closed := strings.CutSuffix(name, "}")
	name, rest := strings.CutSuffix(name, "**")
	expr = "[^/]+"
	if rest {
		expr = ".*"
	}
	if name == "*" && !rest {
		name = ""
	} else if name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || name == "" && !rest {
		open = false
	}
	if !open || !closed {
		return "", "", fmt.Errorf("the segment %q is neither text nor {name}, {name**}, {*}, {**}, * or **", s)
	}
	return name, expr, nil
}
