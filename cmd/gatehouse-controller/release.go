package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
)

// releaseCommand is what the chart's last Job runs.
func releaseCommand() *cobra.Command {
	o := releaseOptions{flags: flags{kubeQPS: 300}}
	c := &cobra.Command{
		Use: "release", Short: "Let OAuth2Client resources go when no controller is there any more",
		Long: `Take the finalizer off OAuth2Client resources, which a controller that is gone takes off no more: without that, neither they nor
their namespaces can be deleted. Resources and Secrets stay, and so do the clients on their servers; a controller that is installed later finds them
again. Whoever runs it needs get, list and patch on OAuth2Client resources.`,
		Example: `  gatehouse-controller release --kubeconfig ~/.kube/config
  gatehouse-controller release --namespace shop --unless iam/gatehouse-controller`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	s := c.Flags()
	s.SortFlags = false
	o.declareNamespaces(s, "resources of these namespaces; without it of all")
	s.StringVar(&o.unless, "unless", "", "NAMESPACE/DEPLOYMENT: do nothing while this Deployment of a controller is there")
	s.StringVar(&o.kubeconfig, "kubeconfig", "", "how to reach the API server; without it the pod's service account, or KUBECONFIG")
	return c
}

// releaseOptions are the flags of `release`, some of which are the controller's own.
type releaseOptions struct {
	flags

	unless string
}

func (o *releaseOptions) run(cmd *cobra.Command) error {
	namespace, deployment, ok := strings.Cut(o.unless, "/")
	if cmd.Flags().Changed("unless") && (!ok || namespace == "" || deployment == "") { // also where a script's variable is empty
		return fmt.Errorf("%w: --unless %q: write NAMESPACE/DEPLOYMENT", errUsage, o.unless)
	}
	if err := o.config.ValidateNamespaces(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	api, err := o.restConfig()
	if err != nil {
		return err
	}
	cluster, err := client.New(api, client.Options{})
	if err != nil {
		return fmt.Errorf("reaching the API server: %w", err)
	}
	if o.unless != "" {
		var there metav1.PartialObjectMetadata
		there.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"})
		err := cluster.Get(cmd.Context(), client.ObjectKey{Namespace: namespace, Name: deployment}, &there)
		if err == nil && there.DeletionTimestamp == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "Deployment %s is there: its resources stay as they are\n", o.unless)
			return nil
		}
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("whether Deployment %s is there: %w", o.unless, err)
		}
	}
	gone, err := kube.LetGo(cmd.Context(), cluster, o.config.Namespaces...)
	for _, of := range gone {
		fmt.Fprintf(cmd.OutOrStdout(), "OAuth2Client %s has no controller any more\n", of)
	}
	return err
}
