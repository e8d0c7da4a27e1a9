package engine

import (
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
)

// nearHosts gives the nodes of hosts that can be the key's.
func (x *index) nearHosts(k *pattern.Key) []nodeID {
	nodes := []nodeID{x.anyHost}
	below := func(host, end string) bool { return strings.HasSuffix(host, "."+end) }
	add := func(of map[string]nodeID, fits func(name string) bool) {
		for name, at := range of {
			if fits(name) {
				nodes = append(nodes, at)
			}
		}
	}
	switch {
	case k.Scanned || k.HostKind == pattern.HostAny:
		add(x.hosts, func(string) bool { return true })
		add(x.ends, func(string) bool { return true })
	case k.HostKind == pattern.HostIs:
		if at := x.hosts[k.Host]; at != 0 {
			nodes = append(nodes, at)
		}
		add(x.ends, func(end string) bool { return below(k.Host, end) })
	default:
		add(x.hosts, func(host string) bool { return below(host, k.Host) })
		add(x.ends, func(end string) bool { return end == k.Host || below(end, k.Host) || below(k.Host, end) })
	}
	return nodes
}

// near calls each for the entries at and below the node that the key does not rule out. segments are the key's from here
// on.
func (x *index) near(at nodeID, segments []pattern.Segment, k *pattern.Key, each func(list *entry)) {
	n := &x.nodes[at]
	switch {
	case at == 0:
		return
	case k.Scanned:
		x.all(at, each)
		return
	case len(segments) == 0 && !k.Rest:
		each(n.here)
		return
	}
	each(n.rest)
	for _, s := range x.begun[at] {
		if len(segments) > 0 && (segments[0].Open || strings.HasPrefix(segments[0].Text, s.text)) ||
			len(segments) == 0 && (strings.HasPrefix(s.text, k.Prefix) || strings.HasPrefix(k.Prefix, s.text)) {
			each(x.rests[s])
		}
	}
	switch {
	case len(segments) == 0:
		for _, s := range x.below[at] {
			if strings.HasPrefix(s.text, k.Prefix) {
				x.all(x.literal(s), each)
			}
		}
		x.all(n.open, each)
		return
	case segments[0].Open:
		for _, s := range x.below[at] {
			x.near(x.literal(s), segments[1:], k, each)
		}
	default:
		x.near(x.literal(edge{at, segments[0].Text}), segments[1:], k, each)
	}
	x.near(n.open, segments[1:], k, each)
}

// all calls each for the entries at and below the node.
func (x *index) all(at nodeID, each func(list *entry)) {
	if at == 0 {
		return
	}
	n := &x.nodes[at]
	each(n.here)
	each(n.rest)
	for _, s := range x.begun[at] {
		each(x.rests[s])
	}
	for _, s := range x.below[at] {
		x.all(x.literal(s), each)
	}
	x.all(n.open, each)
}
