package kubesecret

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// modeAnnotation is what the chart writes on the Deployment of the server: its database.mode, which says where its data is.
const modeAnnotation = "gatehouse.dev/database-mode"

// deployed is what the cluster tells of a Deployment.
type deployed struct {
	Metadata struct {
		Annotations map[string]string `json:"annotations"`
		Generation  int64             `json:"generation"`
	} `json:"metadata"`
	Status struct {
		ObservedGeneration int64 `json:"observedGeneration"`
		Replicas           int   `json:"replicas"`
		UpdatedReplicas    int   `json:"updatedReplicas"`
	} `json:"status"`
}

// settled reports whether every pod is of the Deployment's last template.
func (d *deployed) settled() bool {
	return d.Status.ObservedGeneration >= d.Metadata.Generation && d.Status.UpdatedReplicas >= d.Status.Replicas
}

// ParseData reads DEPLOYMENT=MODE.
func ParseData(text string) (deployment, mode string, err error) {
	deployment, mode, _ = strings.Cut(text, "=")
	if !secretName.MatchString(deployment) || mode == "" {
		return "", "", fmt.Errorf("--data %q: write DEPLOYMENT=MODE", text)
	}
	return deployment, mode, nil
}

// Keep fails where servers of a mode, whose data is in their own pods, would replace those of a Deployment whose data is elsewhere: they
// would answer in their place and know nobody. While servers from before its last change are there it may be taken back.
func (c *Cluster) Keep(ctx context.Context, deployment, mode string) error {
	var there deployed
	path := "/apis/apps/v1/namespaces/" + url.PathEscape(c.Namespace) + "/deployments/" + deployment
	status, err := c.call(ctx, http.MethodGet, path, "", nil, &there)
	if err != nil {
		return fmt.Errorf("the Deployment %s in namespace %s: %w", deployment, c.Namespace, err)
	}
	had := there.Metadata.Annotations[modeAnnotation]
	if status == http.StatusNotFound || had == "" || had == mode || !there.settled() {
		return nil
	}
	return fmt.Errorf("the servers of the Deployment %s have their data in database.mode %s: those of %s would start without it, in their place. "+
		"Upgrade with the values from before; to leave the data behind, set database.acknowledge to \"nothing is copied\", or roll back with --no-hooks", deployment, had, mode)
}
