package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Order says in which order the nodes of a form are shown.
type Order struct {
	// Groups in their order. Groups that are not named come first, in the order in which they were added.
	Groups []string
	// Names of nodes within a group, in their order; each is the beginning of a name, and the longest one counts. Nodes that
	// are not named come after those that are, the button that sends the form comes last.
	Names []string
}

// OrderOf returns the order of a kind of flow. fields are the names of the fields of the identity schema in their order, for
// example "traits.email".
func OrderOf(k Kind, fields ...string) Order {
	switch k {
	case Login:
		return Order{
			Groups: []string{
				GroupOIDC, GroupSAML, GroupDefault, GroupWebAuthn, GroupPasskey, GroupCode, GroupPassword, GroupTOTP, GroupLookup,
				GroupCaptcha,
			},
			Names: []string{"csrf_token", "identifier", "password"},
		}
	case Registration:
		return Order{
			Groups: []string{
				GroupOIDC, GroupSAML, GroupDefault, GroupWebAuthn, GroupPasskey, GroupCode, GroupPassword, GroupCaptcha, GroupProfile,
			},
			Names: append(passwordSecond(fields), "webauthn_remove", "webauthn_register_displayname", "webauthn_register"),
		}
	case Settings:
		return Order{
			Groups: []string{
				GroupDefault, GroupProfile, GroupPassword, GroupOIDC, GroupSAML, GroupLookup, GroupWebAuthn, GroupPasskey, GroupTOTP,
			},
			Names: append(slices.Clone(fields),
				"lookup_secret_reveal", "lookup_secret_regenerate", "lookup_secret_codes", "lookup_secret_confirm",
				"webauthn_remove", "webauthn_register_displayname", "webauthn_register",
				"totp_qr", "totp_secret_key", "totp_unlink", "totp_code"),
		}
	default:
		return Order{
			Groups: []string{GroupDefault, GroupCode, GroupLink, GroupCaptcha},
			Names:  []string{"csrf_token", "recovery_address", "email", "code"},
		}
	}
}

// passwordSecond puts the password after the first field of a schema, which is the one that people sign in with.
func passwordSecond(fields []string) []string {
	if len(fields) == 0 {
		return []string{"password"}
	}
	return append([]string{fields[0], "password"}, fields[1:]...)
}

// Sort puts the nodes in order. Nodes that the order does not tell apart are ordered by what they hold.
func (f *Form) Sort(o Order) {
	groups := o.groups(f.Nodes)
	slices.SortStableFunc(f.Nodes, func(a, b *Node) int {
		if ga, gb := groups[a.Group], groups[b.Group]; ga != gb {
			return cmp.Compare(ga, gb)
		}
		if pa, pb := o.place(a), o.place(b); pa != pb {
			return cmp.Compare(pa, pb)
		}
		return cmp.Compare(held(a), held(b))
	})
}

// groups numbers the groups of the nodes.
func (o Order) groups(nodes []*Node) map[string]int {
	number := make(map[string]int)
	for _, n := range nodes {
		if _, seen := number[n.Group]; seen {
			continue
		}
		if i := slices.Index(o.Groups, n.Group); i >= 0 {
			number[n.Group] = len(nodes) + i
		} else {
			number[n.Group] = len(number)
		}
	}
	return number
}

// place is where a node stands within its group.
func (o Order) place(n *Node) int {
	key := n.Key()
	if key == "method" {
		return len(o.Names) + 1
	}
	place, longest := len(o.Names), 0
	for i, name := range o.Names {
		if len(name) > longest && strings.HasPrefix(key, name) {
			place, longest = i, len(name)
		}
	}
	return place
}

func held(n *Node) string {
	switch a := n.Attributes; n.Type {
	case TypeInput:
		return fmt.Sprint(a.Value)
	case TypeAnchor:
		return a.Href
	default:
		return a.Src
	}
}
