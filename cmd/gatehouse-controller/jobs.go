package main

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/kubesecret"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/trial"
	"github.com/gatehouse-iam/gatehouse/internal/trust"
)

// secretsCommand is what the chart's first Job runs.
func secretsCommand() *cobra.Command {
	parent := &cobra.Command{Use: "secrets", Short: "Make the Secrets of an installation", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var o ensureOptions
	ensure := &cobra.Command{
		Use: "ensure", Short: "Make what Secrets lack, and change nothing that is there",
		Long: `Make Secrets, and keys in them, that are not there yet. What is there stays as it is, so it may run before every upgrade. Nothing of
what is made is printed. The service account needs get, create and patch on these Secrets, by their names, and nothing else.

With --data it makes nothing where a Deployment of servers says that its data is elsewhere than in its pods, which the servers to come would
replace. That takes get on the Deployment.`,
		Example: `  gatehouse-controller secrets ensure --random gatehouse-secrets=system,cookie --instance gatehouse
  gatehouse-controller secrets ensure --certificate gatehouse-admin-tls=gatehouse-admin.iam.svc,localhost`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := ensure.Flags()
	f.SortFlags = false
	f.StringArrayVar(&o.random, "random", nil, "NAME=KEY,KEY: keys of a Secret that hold 32 random bytes each; repeatable")
	f.StringArrayVar(&o.certificates, "certificate", nil, "NAME=HOST,HOST: a Secret with a certificate for these, good for ten years, and its authority; repeatable")
	f.StringArrayVar(&o.clients, "clients", nil, "NAME=CLIENT,CLIENT: a Secret with a certificate for each of these clients, good for ten years, and their authority; repeatable")
	f.StringVar(&o.data, "data", "", "DEPLOYMENT=MODE: the servers to come, whose data is in their pods, and their database.mode")
	f.StringVar(&o.instance, "instance", "", "release that the Secrets belong to, for their label")
	f.StringVar(&o.place.Namespace, "namespace", "", "where the Secrets are; the pod's namespace")
	f.StringVar(&o.place.URL, "server", "", "address of the cluster's API; as pods find it")
	f.StringVar(&o.place.Token, "token-file", "", "file with a token for it; the pod's service account's")
	f.StringVar(&o.place.CA, "ca-file", "", "authorities that sign its certificate; the service account's")
	parent.AddCommand(ensure)
	return parent
}

// ensureOptions are the flags of `secrets ensure`.
type ensureOptions struct {
	random, certificates, clients []string
	data, instance                string
	place                         kubesecret.Place
}

func (o *ensureOptions) run(cmd *cobra.Command) error {
	wants, err := kubesecret.ParseWants(o.random, o.certificates, o.clients)
	if err == nil && len(wants) == 0 && o.data == "" {
		err = errors.New("--random, --certificate or --clients says what to make")
	}
	var deployment, mode string
	if err == nil && o.data != "" {
		deployment, mode, err = kubesecret.ParseData(o.data)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	cluster, err := kubesecret.Reach(o.place)
	if err != nil {
		return err
	}
	cluster.Instance, cluster.Writer = o.instance, "gatehouse-"+rand.Text()
	cluster.Now, cluster.Random, cluster.Out = time.Now, rand.Reader, cmd.OutOrStdout()
	if o.data != "" {
		if err := cluster.Keep(cmd.Context(), deployment, mode); err != nil {
			return err
		}
	}
	return cluster.Ensure(cmd.Context(), wants)
}

// tryCommand is what `helm test` runs.
func tryCommand() *cobra.Command {
	var o tryOptions
	c := &cobra.Command{
		Use: "try", Short: "Have a client get a token from an installation, and a person log in",
		Long: `Try an installation out as its applications and people use it. A client and a person are made by the admin API for that, and removed
again. The public listener is spoken to under the name by which it is known outside, also where the way leads through the cluster.`,
		Example: `  gatehouse-controller try --public https://id.example.com --admin https://gatehouse-admin.iam.svc:4445 --admin-key-file admin.key
  gatehouse-controller try --public https://id.example.com --connect gatehouse.iam.svc:443 --admin http://127.0.0.1:4445`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.public, "public", "", "address of the public listener, as applications know it; required")
	f.StringVar(&o.connect, "connect", "", "host:port that leads to it in place of its name")
	f.BoolVar(&o.plain, "plain", false, "that place is behind what ends TLS: speak to it as the proxy does")
	f.StringVar(&o.admin, "admin", "", "address of the admin listener; required")
	f.StringVar(&o.keyFile, "admin-key-file", "", "file with a key of the admin API")
	f.StringVar(&o.pair[0], "client-cert", "", "client certificate in PEM, for an admin API that knows its callers by it")
	f.StringVar(&o.pair[1], "client-key", "", "its key in PEM")
	f.StringArrayVar(&o.caFiles, "ca-file", nil, "authorities to trust besides the system's; a file that is not there is left out; repeatable")
	f.StringVar(&o.traits, "traits", "", `traits of the person, as JSON in which "%s" is an address that nobody has; an e-mail address`)
	f.BoolVar(&o.tokenOnly, "token-only", false, "leave the person out, where nobody signs in with a password")
	return c
}

// tryOptions are the flags of `try`.
type tryOptions struct {
	public, connect, admin, keyFile, traits string
	pair                                    [2]string
	caFiles                                 []string
	plain, tokenOnly                        bool
}

func (o *tryOptions) run(cmd *cobra.Command) error {
	if o.public == "" || o.admin == "" {
		return fmt.Errorf("%w: --public and --admin are required", errUsage)
	}
	transport, err := trusting(o.caFiles)
	if err != nil {
		return err
	}
	administrator := transport.Clone()
	if o.pair != [2]string{} {
		certificate, err := tls.LoadX509KeyPair(o.pair[0], o.pair[1])
		if err != nil {
			return fmt.Errorf("--client-cert and --client-key: %w", err)
		}
		administrator.TLSClientConfig.Certificates = []tls.Certificate{certificate}
	}
	t := &trial.Trial{
		Public: &apiclient.Server{URL: o.public, HTTP: &http.Client{Timeout: 30 * time.Second, Transport: transport}}, TokenOnly: o.tokenOnly,
		Admin:    &apiclient.Server{URL: o.admin, HTTP: &http.Client{Timeout: 30 * time.Second, Transport: administrator}},
		Patience: 30 * time.Second,
		Say:      func(step string) { _, _ = fmt.Fprintln(cmd.OutOrStdout(), step) },
	}
	if o.connect != "" {
		t.Public = trial.Through(o.public, transport, o.connect, o.plain)
	}
	if o.keyFile != "" {
		key, err := os.ReadFile(o.keyFile)
		if err != nil {
			return err
		}
		if t.Admin.Key, err = secret.FirstLine(key); err != nil {
			return fmt.Errorf("--admin-key-file %s: %w", o.keyFile, err)
		}
	}
	if o.traits != "" && json.Unmarshal([]byte(o.traits), &t.Traits) != nil {
		return fmt.Errorf("%w: --traits is no JSON object", errUsage)
	}
	return t.Run(cmd.Context())
}

// trusting gives a transport that trusts the authorities in files, those that are there, besides the system's.
func trusting(files []string) (*http.Transport, error) {
	pool, err := trust.Besides(slices.DeleteFunc(slices.Clone(files), func(file string) bool {
		_, err := os.Stat(file)
		return errors.Is(err, fs.ErrNotExist)
	})...)
	if err != nil {
		return nil, err
	}
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}, nil
}
