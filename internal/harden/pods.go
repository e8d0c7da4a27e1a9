package harden

import (
	"slices"
	"strings"
)

// What several checks of pods refer to.
const (
	restricted = "Pod Security Standards: restricted"
	baseline   = "Pod Security Standards: baseline"
	guide      = "NSA/CISA Kubernetes Hardening Guide"
)

func manifestChecks() []Check {
	all := slices.Concat(podChecks(), containerChecks(), upkeepChecks(), workloadChecks(), exposureChecks(), manifestSecretChecks())
	for i := range all {
		all[i].Source = Manifests
	}
	return all
}

// containers asks about every container. say adds a finding about it.
func containers(id string, ask func(p pod, c container, say func(format string, a ...any))) func(*Facts) verdict {
	return func(f *Facts) (v verdict) {
		for _, p := range f.Cluster.pods {
			for _, c := range p.containers {
				ask(p, c, func(format string, a ...any) { v.in(p.object, id, " container "+c.name, format, a...) })
			}
		}
		return v
	}
}

// pods asks about every pod.
func pods(id string, ask func(f *Facts, p pod, say func(format string, a ...any))) func(*Facts) verdict {
	return func(f *Facts) (v verdict) {
		for _, p := range f.Cluster.pods {
			ask(f, p, func(format string, a ...any) { v.in(p.object, id, "", format, a...) })
		}
		return v
	}
}

// in adds a finding in an object, with what its annotations accept.
func (v *verdict) in(o object, id, part, format string, a ...any) {
	v.at(o.title()+part, format, a...)
	v.found[len(v.found)-1].accepted = o.accept(id)
}

// context gives a value of a container's security context, or of its pod's where the container says nothing.
func (p pod) context(c container, path ...string) string {
	if s := c.text(append([]string{"securityContext"}, path...)...); s != "" {
		return s
	}
	return p.spec.text(append([]string{"securityContext"}, path...)...)
}

func podChecks() []Check {
	return []Check{
		{
			ID: "pod-privileged", Severity: Critical, Title: "A container is privileged",
			Why: "It is the machine.", How: "Take securityContext.privileged out.", Settings: []string{"securityContext.privileged"}, Reference: baseline,
			find: containers("pod-privileged", func(_ pod, c container, say func(string, ...any)) {
				if c.text("securityContext", "privileged") == "true" {
					say("has securityContext.privileged: true")
				}
			}),
		},
		{
			ID: "pod-host-namespaces", Severity: Critical, Title: "A pod shares the machine's network, processes or memory",
			Why: "It sees and reaches what others on the machine do.", How: "Take hostNetwork, hostPID and hostIPC out.", Settings: []string{"hostNetwork", "hostPID", "hostIPC"}, Reference: baseline,
			find: pods("pod-host-namespaces", func(_ *Facts, p pod, say func(string, ...any)) {
				for _, key := range []string{"hostNetwork", "hostPID", "hostIPC"} {
					if p.spec.text(key) == "true" {
						say("has %s: true", key)
					}
				}
			}),
		},
		{
			ID: "pod-host-path", Severity: High, Title: "A pod mounts a directory of the machine",
			Why: "What is written there stays, and what is read belongs to others.", How: "Use a PersistentVolumeClaim, a Secret or an emptyDir in place of hostPath.", Settings: []string{"volumes[].hostPath"}, Reference: baseline,
			find: pods("pod-host-path", func(_ *Facts, p pod, say func(string, ...any)) {
				for _, volume := range p.spec.each("volumes") {
					if path := volume.text("hostPath", "path"); path != "" {
						say("mounts %s of the machine", path)
					}
				}
			}),
		},
		{
			ID: "pod-host-port", Severity: Medium, Title: "A container binds a port of the machine",
			Why: "It is reached past Services and network policies.", How: "Take ports[].hostPort out, and use a Service.", Settings: []string{"ports[].hostPort"}, Reference: baseline,
			find: containers("pod-host-port", func(_ pod, c container, say func(string, ...any)) {
				for _, port := range c.each("ports") {
					if n := port.text("hostPort"); n != "" && n != "0" {
						say("has ports[].hostPort: %s", n)
					}
				}
			}),
		},
	}
}

// containerChecks are about what a container may do.
func containerChecks() []Check {
	return []Check{
		{
			ID: "pod-root", Severity: High, Title: "A container may run as root",
			Why: "Who gets out of it is root on the machine.", How: "Set securityContext.runAsNonRoot: true and a runAsUser other than 0.", Settings: []string{"securityContext.runAsNonRoot", "securityContext.runAsUser"}, Reference: restricted,
			find: containers("pod-root", func(p pod, c container, say func(string, ...any)) {
				switch {
				case p.context(c, "runAsUser") == "0":
					say("has runAsUser: 0")
				case p.context(c, "runAsNonRoot") != "true":
					say("lacks runAsNonRoot: true")
				}
			}),
		},
		{
			ID: "pod-privilege-escalation", Severity: High, Title: "A container may gain rights",
			Why: "A set-uid program in it is a way to root.", How: "Set securityContext.allowPrivilegeEscalation: false.", Settings: []string{"securityContext.allowPrivilegeEscalation"}, Reference: restricted,
			find: containers("pod-privilege-escalation", func(_ pod, c container, say func(string, ...any)) {
				if c.text("securityContext", "allowPrivilegeEscalation") != "false" {
					say("lacks allowPrivilegeEscalation: false")
				}
			}),
		},
		{
			ID: "pod-capabilities", Severity: High, Title: "A container keeps capabilities of root",
			Why: "The server needs none.", How: "Set securityContext.capabilities.drop: [ALL], and add nothing.", Settings: []string{"securityContext.capabilities.drop", "securityContext.capabilities.add"}, Reference: restricted,
			find: containers("pod-capabilities", func(_ pod, c container, say func(string, ...any)) {
				if !slices.ContainsFunc(c.list("securityContext", "capabilities", "drop"), func(v any) bool { return v == "ALL" }) {
					say("does not drop ALL")
				}
				for _, added := range c.list("securityContext", "capabilities", "add") {
					if added != "NET_BIND_SERVICE" {
						say("adds %v", added)
					}
				}
			}),
		},
		{
			ID: "pod-writable-root", Severity: Medium, Title: "A container may write its own files",
			Why: "Who gets in leaves programs behind.", How: "Set securityContext.readOnlyRootFilesystem: true, and mount what is to be written.", Settings: []string{"securityContext.readOnlyRootFilesystem"}, Reference: guide + ": immutable containers",
			find: containers("pod-writable-root", func(_ pod, c container, say func(string, ...any)) {
				if c.text("securityContext", "readOnlyRootFilesystem") != "true" {
					say("lacks readOnlyRootFilesystem: true")
				}
			}),
		},
		{
			ID: "pod-seccomp", Severity: Medium, Title: "A container may make any system call",
			Why: "More of the kernel is in reach than is needed.", How: "Set securityContext.seccompProfile.type: RuntimeDefault.", Settings: []string{"securityContext.seccompProfile.type"}, Reference: restricted,
			find: containers("pod-seccomp", func(p pod, c container, say func(string, ...any)) {
				if t := p.context(c, "seccompProfile", "type"); t != "RuntimeDefault" && t != "Localhost" {
					say("lacks seccompProfile.type: RuntimeDefault")
				}
			}),
		},
	}
}

// upkeepChecks are about what a pod is given and how it is kept running.
func upkeepChecks() []Check {
	return []Check{
		{
			ID: "pod-service-account-token", Severity: Medium, Title: "A pod is given a token of the cluster's API",
			Why: "The server does not ask the API; who gets in does.", How: "Set automountServiceAccountToken: false in the pod or in its ServiceAccount.", Settings: []string{"automountServiceAccountToken"}, Reference: "CIS Kubernetes Benchmark 5.1.6",
			find: pods("pod-service-account-token", func(f *Facts, p pod, say func(string, ...any)) {
				mounts := p.spec.text("automountServiceAccountToken")
				for _, account := range f.Cluster.ofKind("ServiceAccount") {
					if mounts == "" && account.namespace == p.namespace && account.name == p.spec.text("serviceAccountName") {
						mounts = account.tree.text("automountServiceAccountToken")
					}
				}
				if mounts != "false" {
					say("lacks automountServiceAccountToken: false")
				}
			}),
		},
		{
			ID: "pod-resources", Severity: Medium, Title: "A container has no bounds, or no claim",
			Why: "It takes what others need, or is the first to go when memory is short.", How: "Set resources.requests.cpu, requests.memory and limits.memory.", Settings: []string{"resources.requests", "resources.limits"}, Reference: guide + ": resource policies",
			find: containers("pod-resources", func(_ pod, c container, say func(string, ...any)) {
				var missing []string
				for _, path := range [][]string{{"requests", "cpu"}, {"requests", "memory"}, {"limits", "memory"}} {
					if c.text("resources", path[0], path[1]) == "" {
						missing = append(missing, strings.Join(path, "."))
					}
				}
				if len(missing) > 0 {
					say("lacks resources.%s", strings.Join(missing, ", resources."))
				}
			}),
		},
		{
			ID: "pod-probes", Severity: Low, Title: "Nobody asks a container whether it works",
			Why: "Requests go to one that is not ready, and one that hangs stays.", How: "Set readinessProbe to /health/ready and livenessProbe to /health/alive.", Settings: []string{"readinessProbe", "livenessProbe"}, Reference: "NIST SP 800-190 §4.4",
			find: containers("pod-probes", func(p pod, c container, say func(string, ...any)) {
				for _, probe := range []string{"readinessProbe", "livenessProbe"} {
					if p.lasting() && !c.first && len(c.group(probe)) == 0 {
						say("has no %s", probe)
					}
				}
			}),
		},
		{
			ID: "image-floating", Severity: Medium, Title: "An image is not the same tomorrow",
			Why: "A restart brings another program that nobody has looked at.", How: "Name the image by version, better by digest.", Settings: []string{"image"}, Reference: "NIST SP 800-190 §4.2.2",
			find: containers("image-floating", func(_ pod, c container, say func(string, ...any)) {
				image := c.text("image")
				name := image[strings.LastIndexByte(image, '/')+1:]
				if _, tag, _ := strings.Cut(name, ":"); !strings.Contains(image, "@sha256:") && (tag == "" || tag == "latest") {
					say("has the image %s", image)
				}
			}),
		},
	}
}
