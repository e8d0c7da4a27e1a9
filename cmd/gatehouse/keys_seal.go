package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

const sealPath = "/admin/seal-keys"

// sealPatience is how long counting every sealed value may take.
const sealPatience = 15 * time.Minute

var sealColumns = []column{
	{title: "KEY ID", field: "id"}, {title: "STATE", field: "state"}, {title: "CONFIGURED", field: "configured"},
	{title: "IN USE SINCE", field: "since"}, {title: "RETIRED", field: "retired_at"},
}

func sealCommand() *cobra.Command {
	cmd := group("seal", "List, change and retire the secrets under which stored data is sealed",
		"  gatehouse keys seal list\n  gatehouse keys seal status\n  gatehouse keys seal reseal",
		listSeals(), addSeal(), reseal(), sealStatus(), retireSeal())
	cmd.Long = `Seal keys come of secrets.system: the first one seals what is new, all of them open. An id names a key and says nothing of the
secret. To replace one: add a new secret in front (add), restart the servers one by one, seal what is stored anew while they serve
(reseal), see that nothing is left (status), retire the old one (retire), and take it out of the configuration.`
	return cmd
}

// sealList is what the admin API says of the seal keys.
type sealList struct {
	Keys    []document `json:"keys"`
	Waiting string     `json:"waiting"`
	Servers []struct {
		Name  string   `json:"name"`
		Makes string   `json:"makes"`
		Opens []string `json:"opens"`
	} `json:"servers"`
}

func listSeals() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the secrets by their ids with their states; never a secret",
		Example: "  gatehouse keys seal list\n  gatehouse keys seal list --format json",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			var list sealList
			if _, err := a.send(cmd.Context(), http.MethodGet, sealPath, nil, &list); err != nil {
				return err
			}
			list.waits(cmd.ErrOrStderr())
			return showList(cmd, sealColumns, list.Keys)
		},
	}
}

// waits says why the first key is not in use yet.
func (l sealList) waits(errs io.Writer) {
	if l.Waiting != "" {
		_, _ = fmt.Fprintf(errs, "The first key is not in use yet, because these servers cannot open what it makes: %s.\n", printable(l.Waiting))
	}
}

func sealStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Count in the databases how many values each key seals",
		Long: `Count how many values each key seals, by column. Every sealed column is read once.

Digests of generated client secrets are counted too. They are renewed when their client authenticates next, and do not keep a key
from being retired: what it authenticated stays recognized.`,
		Example: "  gatehouse keys seal status\n  gatehouse keys seal status --format json",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			a.http.Timeout = sealPatience
			var status struct {
				sealList
				Values []document `json:"values"`
				Stale  int64      `json:"stale"`
			}
			if _, err := a.send(cmd.Context(), http.MethodGet, sealPath+"/status", nil, &status); err != nil {
				return err
			}
			status.waits(cmd.ErrOrStderr())
			return show(cmd, sealSummary(status.Keys, status.Values), func(w io.Writer) {
				_, _ = fmt.Fprintln(w, "KEY ID\tSTATE\tCOLUMN\tVALUES")
				for _, k := range status.Keys {
					counted := 0
					for _, v := range status.Values {
						if cell(v["key"]) == cell(k["id"]) {
							counted++
							_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", cell(k["id"]), cell(k["state"]), columnOf(v), cell(v["values"]))
						}
					}
					if counted == 0 {
						_, _ = fmt.Fprintf(w, "%s\t%s\tnothing\t0\n", cell(k["id"]), cell(k["state"]))
					}
				}
				for _, v := range status.Values {
					if v["key"] == "unknown" {
						_, _ = fmt.Fprintf(w, "unknown\tmissing\t%s\t%s\n", columnOf(v), cell(v["values"]))
					}
				}
			})
		},
	}
}

// columnOf names the column of a count.
func columnOf(v document) string {
	name := cell(v["column"])
	if v["digest"] == true {
		name += " (digests)"
	}
	return name
}

// sealSummary is the status as programs read it.
func sealSummary(keys, values []document) document {
	list := func(all []document) []any {
		out := make([]any, len(all))
		for i := range all {
			out[i] = all[i]
		}
		return out
	}
	return document{"keys": list(keys), "values": list(values)}
}

func retireSeal() *cobra.Command {
	return &cobra.Command{
		Use: "retire KEY", Short: "Prove that nothing needs a key any more, so that its secret can be taken out",
		Long: `Retire a key: no server may make anything with it any more, and its secret can be taken out of secrets.system. This is refused as
long as it seals any value, or any server makes new ones with it.

Tokens, sessions and generated client secrets that it authenticated stay valid: what recognizes them, and nothing more, is kept
sealed under the key in use. An id that begins with a dash is written behind two: retire -- -QpZ7wcA.`,
		Example: "  gatehouse keys seal retire 5QpZ7wcA",
		Args:    exactly("the id of a key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			a.http.Timeout = sealPatience
			var key document
			if _, err := a.send(cmd.Context(), http.MethodPost, sealPath+"/"+url.PathEscape(args[0])+"/retire", nil, &key); err != nil {
				return err
			}
			if key["configured"] == true {
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "Now take its secret out of secrets.system of every server.")
			}
			return showOne(cmd, sealColumns, key)
		},
	}
}

func addSeal() *cobra.Command {
	cmd := &cobra.Command{
		Use: "add FILE", Short: "Put a new secret in front of those in a file",
		Long: `Make a secret and put it in front of those in the file that GATEHOUSE_SECRETS_SYSTEM_FILE names, one a line, or, where FILE is a
directory, into a file of its own with a greater name than the others'. The secret is not printed; its id is. Where the
configuration names secrets.transit, the file holds it wrapped. Servers take it into use when they are restarted: one by one, and
in any order.`,
		Example: "  gatehouse keys seal add /run/secrets/system\n  gatehouse keys seal add -c gatehouse.yaml /etc/gatehouse/system/",
		Args:    exactly("the file or directory of secrets"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadConfig(cmd, config.ReadTransit)
			if err != nil {
				return err
			}
			id, err := app.AddSecret(cmd.Context(), cfg, args[0])
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "Restart the servers that read this file, then run `gatehouse keys seal reseal`.")
			_, err = fmt.Fprintln(cmd.OutOrStdout(), id)
			return err
		},
	}
	addConfigFlag(cmd)
	return cmd
}
