package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/spf13/cobra"
)

const keysPath = "/admin/keys"

// keySets are the sets that every server signs with.
var keySets = []string{"hydra.openid.id-token", "hydra.jwt.access-token"}

var keyColumns = []column{
	{title: "SET", field: "set"}, {title: "KEY ID", field: "kid"}, {title: "ALGORITHM", field: "alg"}, {title: "STATE", field: "state"},
	{title: "CREATED", field: "created_at"}, {title: "SIGNS SINCE", field: "activated_at"}, {title: "SIGNED UNTIL", field: "retired_at"},
	{title: "REMOVED AT", field: "remove_at"},
}

func keysCommand() *cobra.Command {
	cmd := group("keys", "List and rotate signing keys; care for the secrets that seal stored data",
		"  gatehouse keys list\n  gatehouse keys rotate\n  gatehouse keys seal status", listKeys(), rotateKeys(), sealCommand())
	addEndpointFlags(cmd)
	addFormatFlag(cmd)
	return cmd
}

// keySet is a set of keys as the admin API lists it: never with key material.
type keySet struct {
	Set  string     `json:"set"`
	Keys []document `json:"keys"`
}

func listKeys() *cobra.Command {
	return &cobra.Command{
		Use: "list [SET]...", Short: "List signing keys with their states; never key material",
		Example: "  gatehouse keys list\n  gatehouse keys list hydra.openid.id-token --format json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, names []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			var sets []keySet
			if _, err := a.send(cmd.Context(), http.MethodGet, keysPath, nil, &sets); err != nil {
				return err
			}
			if len(names) > 0 {
				for _, name := range names {
					if !slices.ContainsFunc(sets, func(s keySet) bool { return s.Set == name }) {
						return fmt.Errorf("there is no key set %q; `gatehouse keys list` lists all", name)
					}
				}
				sets = slices.DeleteFunc(sets, func(s keySet) bool { return !slices.Contains(names, s.Set) })
			}
			return showKeys(cmd, sets)
		},
	}
}

func rotateKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate [SET]...", Short: "Sign with the next key from now on; the former one stays published",
		Long: `Make the next key of each set, which is published already, the one that signs, and publish a new next one. Tokens
signed before stay valid: the former key is published until the longest of them has expired. Without a set, the two that
sign ID tokens and JWT access tokens are rotated.

With --emergency the former keys are withdrawn at once: everything signed with them becomes invalid. Use it when a
private key may be known to somebody else.`,
		Example: "  gatehouse keys rotate\n  gatehouse keys rotate hydra.openid.id-token --emergency",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, names []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			if len(names) == 0 {
				names = keySets
			}
			query := ""
			if emergency, _ := cmd.Flags().GetBool("emergency"); emergency {
				query = "?emergency=true"
			}
			var sets []keySet
			for _, name := range names {
				var rotated keySet
				if _, failed := a.send(cmd.Context(), http.MethodPost, keysPath+"/"+url.PathEscape(name)+"/rotate"+query, nil, &rotated); failed != nil {
					err = fmt.Errorf("key set %q was not rotated: %w", name, failed)
					break
				}
				sets = append(sets, rotated)
			}
			if len(sets) == 0 {
				return err
			}
			return errors.Join(showKeys(cmd, sets), err) // what was rotated is told also when a later set was not
		},
	}
	cmd.Flags().Bool("emergency", false, "withdraw the former keys at once")
	return cmd
}

func showKeys(cmd *cobra.Command, sets []keySet) error {
	all := []document{}
	for _, s := range sets {
		for _, k := range s.Keys {
			k["set"] = s.Set
			all = append(all, k)
		}
	}
	return showList(cmd, keyColumns, all)
}
