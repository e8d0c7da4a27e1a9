package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// Addresses of the sandbox's network.
const (
	nodeAddress   = "198.18.0.1"
	bridgeAddress = "198.18.64.1" // the node's among pods
	apiAddress    = "198.19.0.1"  // the Service of the API server: the first of its network
	dnsAddress    = "198.19.0.10"
)

// volumes is how many PersistentVolumes there are: the node has no program that makes them when they are asked for.
const volumes = 12

// startNode starts all parts of the cluster, and returns when its node is ready and its DNS answers.
func startNode(ctx context.Context) error {
	for _, step := range []func(context.Context) error{prepare, startControlPlane, importImages, startKubelet} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare writes what the parts read when they start.
func prepare(context.Context) error {
	for _, d := range []string{"pki", "log", "cni", "kubelet"} {
		if err := os.MkdirAll(path(d), 0o755); err != nil {
			return err
		}
	}
	return errors.Join(certificates(path("pki")), writeConfigurations(), os.Setenv("KUBECONFIG", pkiFile("admin.kubeconfig")), makeGroups())
}

func pkiFile(name string) string { return path("pki", name) }

// startControlPlane returns when the API server answers; containerd starts meanwhile.
func startControlPlane(ctx context.Context) error {
	err := errors.Join(
		start("containerd", "-c", path("containerd.toml")),
		start("etcd", "--data-dir", path("etcd"), "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
			"--unsafe-no-fsync", "--log-level", "warn"),
		start("kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--advertise-address="+nodeAddress, "--service-cluster-ip-range=198.19.0.0/16",
			"--tls-cert-file="+pkiFile("apiserver.crt"), "--tls-private-key-file="+pkiFile("apiserver.key"), "--client-ca-file="+pkiFile("ca.crt"),
			"--kubelet-client-certificate="+pkiFile("apiserver-kubelet.crt"), "--kubelet-client-key="+pkiFile("apiserver-kubelet.key"), "--kubelet-certificate-authority="+pkiFile("ca.crt"),
			"--kubelet-preferred-address-types=InternalIP", // for logs and exec
			"--requestheader-client-ca-file="+pkiFile("front-ca.crt"), "--requestheader-allowed-names=front-proxy-client", "--requestheader-username-headers=X-Remote-User",
			"--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--proxy-client-cert-file="+pkiFile("front-client.crt"), "--proxy-client-key-file="+pkiFile("front-client.key"),
			"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+pkiFile("accounts.pub"), "--service-account-signing-key-file="+pkiFile("accounts.key"),
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement"))
	if err != nil {
		return err
	}
	if err := until(ctx, "the API server", func() error { return quiet(ctx, "kubectl", "get", "--raw", "/readyz") }); err != nil {
		return err
	}
	user := func(name string) []string {
		file := pkiFile(name + ".kubeconfig")
		return []string{"--kubeconfig=" + file, "--authentication-kubeconfig=" + file, "--authorization-kubeconfig=" + file, "--leader-elect=false", "--bind-address=127.0.0.1"}
	}
	return errors.Join(
		start("kube-controller-manager", append(user("controller-manager"), "--use-service-account-credentials=true",
			"--root-ca-file="+pkiFile("ca.crt"), "--service-account-private-key-file="+pkiFile("accounts.key"))...),
		start("kube-scheduler", user("scheduler")...))
}

// startKubelet returns when pods run.
func startKubelet(ctx context.Context) error {
	err := errors.Join(
		start("kube-proxy", "--config="+path("kube-proxy.yaml")),
		start("kubelet", "--config="+path("kubelet.yaml"), "--kubeconfig="+pkiFile("node.kubeconfig"), "--hostname-override=node", "--node-ip="+nodeAddress,
			"--root-dir="+path("kubelet"), "--cert-dir="+path("kubelet", "pki")),
		quiet(ctx, "kubectl", "apply", "-f", path("cluster.yaml")))
	if err != nil {
		return err
	}
	if err := until(ctx, "the node", func() error {
		return quiet(ctx, "kubectl", "wait", "--for=condition=Ready", "node/node", "--timeout=5s")
	}); err != nil {
		return err
	}
	return quiet(ctx, "kubectl", "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout="+patience.String())
}

func path(elements ...string) string {
	return filepath.Join(append([]string{directory}, elements...)...)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// start starts a part of the node, which runs until the sandbox ends.
func start(name string, args ...string) error {
	log, err := os.Create(path("log", name+".log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = fmt.Fprintf(log, "ended: %v\n", cmd.Wait())
	}()
	return nil
}

// quiet runs a program and gives what it printed only when it fails.
func quiet(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func until(ctx context.Context, what string, holds func() error) error {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = holds(); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("%s is not ready after %s: %w", what, patience, err)
}

// makeGroups makes the control group below which all pods' are, in each hierarchy.
func makeGroups() error {
	name := filepath.Base(directory)
	hierarchies := []string{"/sys/fs/cgroup"}
	if !exists("/sys/fs/cgroup/cgroup.controllers") { // version 1 has several
		hierarchies, _ = filepath.Glob("/sys/fs/cgroup/*")
	}
	for _, h := range hierarchies {
		if err := os.MkdirAll(filepath.Join(h, name), 0o755); err != nil {
			return fmt.Errorf("%w: pods need control groups; a container in which this runs has to be privileged, and to have /sys/fs/cgroup writable", err)
		}
		if filepath.Base(h) != "cpuset" {
			continue
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // a new group may use no processor before it is told
			value, err := os.ReadFile(filepath.Join(h, file))
			if err := errors.Join(err, os.WriteFile(filepath.Join(h, name, file), value, 0o644)); err != nil {
				return err
			}
		}
	}
	return nil
}

// importImages gives containerd all images that pods of the tests name.
func importImages(ctx context.Context) error {
	if err := until(ctx, "containerd", func() error { return quiet(ctx, "ctr", "version") }); err != nil {
		return err
	}
	for name, file := range map[string]string{"localhost/pause:1": "pause", "localhost/coredns:1": "coredns"} {
		i := image{name: name, entrypoint: []string{"/" + file}, files: map[string]string{"/" + file: path("bin", file)}, user: "65532:65532"}
		if file == "coredns" {
			i.entrypoint = append(i.entrypoint, "-conf", "/etc/coredns/Corefile")
		}
		if err := importImage(ctx, directory, i); err != nil {
			return err
		}
	}
	postgres, err := postgresImage(ctx, bundledImage())
	if err != nil {
		return err
	}
	if err := importImage(ctx, directory, postgres); err != nil {
		return err
	}
	archive := path("gatehouse.tar")
	if err := quiet(ctx, "tar", "-C", path("image"), "-cf", archive, "."); err != nil {
		return err
	}
	return importArchive(ctx, archive, "--index-name", gatehouseImage())
}

// writeConfigurations writes the files of testdata, in which the names of this run are filled in.
func writeConfigurations() error {
	files, err := filepath.Glob(filepath.Join("testdata", "node", "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		t, err := template.ParseFiles(file)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, map[string]any{"Directory": directory, "Group": "/" + filepath.Base(directory), "Node": nodeAddress, "Bridge": bridgeAddress, "DNS": dnsAddress, "Volumes": volumes}); err != nil {
			return err
		}
		if err := os.WriteFile(path(filepath.Base(file)), b.Bytes(), 0o600); err != nil {
			return err
		}
	}
	for n := range volumes {
		if err := os.MkdirAll(path("volumes", fmt.Sprint(n)), 0o755); err != nil {
			return err
		}
	}
	return os.Rename(path("bridge.conflist"), path("cni", "bridge.conflist"))
}
