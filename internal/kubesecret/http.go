package kubesecret

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/trust"
)

// serviceAccount is where a pod finds what it needs to call the cluster's API.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

const (
	// tries bounds how often a Secret is looked at anew because somebody else wrote it meanwhile.
	tries = 5
	// mostAnswer bounds what is read of an answer, in bytes: a Secret has at most 1 MiB.
	mostAnswer = 4 << 20
)

// Cluster makes Secrets by the API of a cluster.
type Cluster struct {
	// URL is the API's address, such as https://10.0.0.1:443.
	URL string
	// Token is the file of the token that is shown; it is read for each request.
	Token string
	// Namespace is where the Secrets are.
	Namespace string
	// Instance is the release that they belong to, which stands on them as a label.
	Instance string
	// Writer names this run among those that write Secrets. Two runs have two names, so that neither overwrites what the other made.
	Writer string
	// HTTP calls the API.
	HTTP *http.Client
	// Now and Random make what is made.
	Now    func() time.Time
	Random io.Reader
	// Out is told what became of each Secret: names and keys, never values.
	Out io.Writer
}

// Place is where the API of a cluster is and what is shown to it. What is empty is as a pod finds it.
type Place struct {
	// URL is the API's address.
	URL string
	// Token and CA are files: what is shown, and the authorities that sign the API's certificate.
	Token, CA string
	// Namespace is where Secrets are.
	Namespace string
}

// Reach gives the cluster at a place. What makes secrets, names and times is for the caller to fill in.
func Reach(p Place) (*Cluster, error) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if p.URL == "" && host == "" {
		return nil, errors.New("this is no pod: run it in the cluster, or name the API with --server, --token-file and --ca-file")
	}
	p.URL = cmp.Or(p.URL, "https://"+net.JoinHostPort(host, port))
	p.Token, p.CA = cmp.Or(p.Token, filepath.Join(serviceAccount, "token")), cmp.Or(p.CA, filepath.Join(serviceAccount, "ca.crt"))
	roots, err := trust.Only(p.CA)
	if err != nil {
		return nil, fmt.Errorf("the pod has no service account, or does not mount its token: %w", err)
	}
	if p.Namespace == "" {
		own, err := os.ReadFile(filepath.Join(serviceAccount, "namespace"))
		if err != nil {
			return nil, err
		}
		p.Namespace = string(own)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return &Cluster{URL: strings.TrimSuffix(p.URL, "/"), Token: p.Token, Namespace: p.Namespace, HTTP: &http.Client{Timeout: 30 * time.Second, Transport: transport}}, nil
}

// Ensure makes what is missing of each Secret.
func (c *Cluster) Ensure(ctx context.Context, wants []Want) error {
	for _, w := range wants {
		if err := c.ensure(ctx, w); err != nil {
			return fmt.Errorf("the Secret %s in namespace %s: %w", w.Name, c.Namespace, err)
		}
	}
	return nil
}

func (c *Cluster) ensure(ctx context.Context, w Want) error {
	for range tries {
		there, err := c.get(ctx, w.Name)
		if err != nil {
			return err
		}
		missing, err := Missing(w, slices.Collect(maps.Keys(there.Data)), c.Now(), c.Random)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			_, err = fmt.Fprintf(c.Out, "Secret %s: nothing is missing\n", w.Name)
			return err
		}
		if owners := there.Metadata.OwnerReferences; len(owners) > 0 {
			return fmt.Errorf("it lacks %s and belongs to %s %s, with which the cluster would delete it: remove that, or name another Secret",
				strings.Join(slices.Sorted(maps.Keys(missing)), ", "), owners[0].Kind, owners[0].Name)
		}
		done, err := c.write(ctx, w.Name, there.Metadata.ResourceVersion, missing)
		if err != nil {
			return err
		}
		if done {
			_, err = fmt.Fprintf(c.Out, "Secret %s: made %s\n", w.Name, strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
			return err
		}
	}
	return errors.New("somebody else keeps writing it: run this again")
}

// held is what the cluster tells of a Secret; nothing where there is none.
type held struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		OwnerReferences []struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Data map[string]json.RawMessage `json:"data"`
}

func (c *Cluster) get(ctx context.Context, name string) (*held, error) {
	var found held
	status, err := c.call(ctx, http.MethodGet, c.secret(name), "", nil, &found)
	if err != nil || status == http.StatusNotFound {
		return &held{}, err
	}
	return &found, nil
}

// write adds data to a Secret, or makes it where it has no version yet. It reports false where the Secret is not what it was.
func (c *Cluster) write(ctx context.Context, name, version string, data map[string][]byte) (bool, error) {
	metadata := map[string]any{"name": name, "namespace": c.Namespace, "labels": map[string]string{
		"app.kubernetes.io/managed-by": "gatehouse", "app.kubernetes.io/part-of": "gatehouse", "app.kubernetes.io/instance": c.Instance,
	}}
	body := map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data}
	kind, query := "application/apply-patch+yaml", "?fieldManager="+url.QueryEscape(c.Writer)
	if version != "" {
		body = map[string]any{"metadata": map[string]any{"resourceVersion": version}, "data": data}
		kind = "application/merge-patch+json"
	}
	status, err := c.call(ctx, http.MethodPatch, c.secret(name)+query, kind, body, nil)
	return status != http.StatusConflict, err
}

// secret is the path of a Secret.
func (c *Cluster) secret(name string) string {
	return "/api/v1/namespaces/" + url.PathEscape(c.Namespace) + "/secrets/" + name
}

// call asks the API for what is at a path. 404 of a GET and 409 are no errors.
func (c *Cluster) call(ctx context.Context, method, path, kind string, body, into any) (int, error) {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	token, err := os.ReadFile(c.Token)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(content))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	r.Header.Set("Accept", "application/json")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	client := *c.HTTP
	// The token, and what Secrets hold, is for the API that was named and for no other.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	switch {
	case err != nil:
		return 0, err
	case answer.StatusCode == http.StatusConflict, answer.StatusCode == http.StatusNotFound && method == http.MethodGet && reason(got) == "NotFound":
		return answer.StatusCode, nil
	case answer.StatusCode == http.StatusForbidden:
		return 0, fmt.Errorf("the cluster does not allow it: the service account needs get, create and patch on Secrets by their names, and get on a Deployment that is asked for (%s)", reason(got))
	case answer.StatusCode/100 != 2:
		return 0, fmt.Errorf("the cluster answered %s (%s)", answer.Status, reason(got))
	case into != nil:
		return answer.StatusCode, json.Unmarshal(got, into)
	}
	return answer.StatusCode, nil
}

// reason gives the reason of a Status that the API answered; its message could repeat what was sent.
func reason(answer []byte) string {
	var status struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(answer, &status) != nil || status.Reason == "" {
		return "without a reason"
	}
	return status.Reason
}
