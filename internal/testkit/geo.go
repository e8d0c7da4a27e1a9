package testkit

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"
)

// GeoDatabase writes a database in MaxMind's format, of records by network: a binary tree over IPv6 addresses, IPv4 below ::/96, whose leaves point to records.
func GeoDatabase(edition string, built time.Time, networks map[string]map[string]any) []byte {
	type node [2]int // below 0: a record, -1-index; math.MinInt: nothing
	nodes := []node{{math.MinInt, math.MinInt}}
	var data bytes.Buffer
	var offsets []int
	for _, text := range slices.Sorted(maps.Keys(networks)) {
		prefix := netip.MustParsePrefix(text)
		bits, address := prefix.Bits(), prefix.Addr().As16()
		if prefix.Addr().Is4() {
			four := prefix.Addr().As4()
			address = [16]byte{}
			copy(address[12:], four[:])
			bits += 96
		}
		offsets = append(offsets, data.Len())
		geoValue(&data, networks[text])
		at := 0
		for i := range bits {
			side := int(address[i/8]>>(7-i%8)) & 1
			if i == bits-1 {
				nodes[at][side] = -1 - (len(offsets) - 1)
				break
			}
			if nodes[at][side] < 0 {
				nodes = append(nodes, node{math.MinInt, math.MinInt})
				nodes[at][side] = len(nodes) - 1
			}
			at = nodes[at][side]
		}
	}
	var out bytes.Buffer
	for _, n := range nodes {
		for _, to := range n {
			value := to
			switch {
			case to == math.MinInt:
				value = len(nodes)
			case to < 0:
				value = len(nodes) + 16 + offsets[-1-to]
			}
			out.Write(binary.BigEndian.AppendUint32(nil, uint32(value)))
		}
	}
	out.Write(make([]byte, 16))
	out.Write(data.Bytes())
	out.WriteString("\xab\xcd\xefMaxMind.com")
	geoValue(&out, map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint64(built.Unix()),
		"database_type": edition, "description": map[string]any{"en": "test"}, "ip_version": uint16(6), "languages": []string{"en"},
		"node_count": uint32(len(nodes)), "record_size": uint16(32),
	})
	return out.Bytes()
}

// geoValue writes a value in the format's encoding; strings have less than 29 bytes.
func geoValue(w *bytes.Buffer, v any) {
	switch v := v.(type) {
	case string:
		w.WriteByte(2<<5 | byte(len(v)))
		w.WriteString(v)
	case uint16:
		w.Write(binary.BigEndian.AppendUint16([]byte{5<<5 | 2}, v))
	case uint32:
		w.Write(binary.BigEndian.AppendUint32([]byte{6<<5 | 4}, v))
	case uint64:
		w.Write(binary.BigEndian.AppendUint64([]byte{8, 2}, v))
	case bool:
		w.Write([]byte{map[bool]byte{true: 1}[v], 7})
	case []string:
		w.Write([]byte{byte(len(v)), 4})
		for _, s := range v {
			geoValue(w, s)
		}
	case map[string]any:
		w.WriteByte(7<<5 | byte(len(v)))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			geoValue(w, name)
			geoValue(w, v[name])
		}
	}
}
