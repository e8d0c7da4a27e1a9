// Package kubesecret makes the Secrets of an installation in Kubernetes, once. What a Secret holds is never changed; what it lacks is added.
//
// It owns the Job that runs before everything else of the chart in deploy/chart, and works where nobody can look into the cluster while
// manifests are rendered. It asks for no right but get, create and patch on the Secrets that it is told: a Secret is made by applying it
// under its name (server-side apply), which rights can be confined to, unlike a POST. Nothing that it makes is printed. Before that it
// refuses, where it is told to, to have servers replaced by such as would start without their data.
//
// It does not own what the secrets are for, and knows nothing of rotation: `gatehouse keys seal` does that.
package kubesecret
