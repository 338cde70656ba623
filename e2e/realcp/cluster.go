package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// hostControllers: what keeps an API server in order. Never the workload controllers, because the objects of a
// federation's host must not run there.
var hostControllers = []string{
	"namespace-controller", "garbage-collector-controller", "serviceaccount-controller",
	"serviceaccount-token-controller", "root-ca-certificate-publisher-controller",
}

// memberControllers: those, and what runs workloads.
var memberControllers = append(hostControllers[:len(hostControllers):len(hostControllers)],
	"deployment-controller", "replicaset-controller", "statefulset-controller", "daemonset-controller",
	"job-controller", "cronjob-controller", "endpoints-controller", "endpointslice-controller", "disruption-controller",
	"persistentvolumeclaim-protection-controller",
)

// hostFlags: a pod that stands on the host as a source must stay as its user wrote it.
var hostFlags = []string{"--disable-admission-plugins=ServiceAccount,StorageObjectInUseProtection"}

// auditPolicy: who asked what and what came of it, without the objects.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: None
  users: ["system:apiserver"]
- level: None
  nonResourceURLs: ["*"]
- level: Metadata
`

// cluster is one API server with its controllers, in a folder.
type cluster struct {
	name, folder string
	port         int
	// etcd is the port of its etcd's clients.
	etcd  int
	host  bool
	audit bool
	// flags of the user for kube-apiserver.
	flags []string
}

func (c *cluster) kubeconfig() string { return filepath.Join(c.folder, "kubeconfig") }

// startEtcd starts an etcd in folder that forgets at a power cut: nothing here outlives the day.
func startEtcd(crew *crew, folder string, clients, peers int) error {
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", clients), fmt.Sprintf("http://127.0.0.1:%d", peers)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "port"), []byte(strconv.Itoa(clients)+"\n"), 0o644); err != nil {
		return err
	}
	return crew.start(folder, "etcd", "etcd", "--data-dir="+filepath.Join(folder, "data"),
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer,
		"--unsafe-no-fsync", "--quota-backend-bytes=8589934592",
		"--auto-compaction-mode=periodic", "--auto-compaction-retention=5m", "--log-level=warn")
}

// startServer makes the certificates and starts the API server.
func (c *cluster) startServer(crew *crew) error {
	if err := makePKI(c.folder, c.name, c.port); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.folder, "port"), []byte(strconv.Itoa(c.port)+"\n"), 0o644); err != nil {
		return err
	}
	pki := func(file string) string { return filepath.Join(c.folder, "pki", file) }
	arguments := []string{
		"kube-apiserver", fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", c.etcd), "--etcd-prefix=/" + c.name,
		fmt.Sprintf("--secure-port=%d", c.port), "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16",
		"--tls-cert-file=" + pki("apiserver.crt"), "--tls-private-key-file=" + pki("apiserver.key"),
		"--client-ca-file=" + pki("ca.crt"), "--token-auth-file=" + pki("tokens.csv"), "--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + pki("sa.pub"),
		"--service-account-signing-key-file=" + pki("sa.key"),
		"--requestheader-client-ca-file=" + pki("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + pki("front-proxy-client.crt"), "--proxy-client-key-file=" + pki("front-proxy-client.key"),
		"--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000",
	}
	if c.audit {
		policy := filepath.Join(c.folder, "audit.yaml")
		if err := os.WriteFile(policy, []byte(auditPolicy), 0o644); err != nil {
			return err
		}
		// One file, never rotated: readers count its lines.
		arguments = append(arguments, "--audit-policy-file="+policy,
			"--audit-log-path="+filepath.Join(c.folder, "log", "audit.jsonl"), "--audit-log-maxsize=1000000")
	}
	if c.host {
		arguments = append(arguments, hostFlags...)
	}
	return crew.start(c.folder, "apiserver", append(arguments, c.flags...)...)
}

// startControllers starts the controller manager, and a scheduler where one is asked for.
func (c *cluster) startControllers(crew *crew, scheduler bool) error {
	names := memberControllers
	if c.host {
		names = hostControllers
	}
	kubeconfigs := []string{
		"--kubeconfig=" + c.kubeconfig(), "--authentication-kubeconfig=" + c.kubeconfig(),
		"--authorization-kubeconfig=" + c.kubeconfig(), "--secure-port=0", "--leader-elect=false",
		"--kube-api-qps=500", "--kube-api-burst=1000",
	}
	arguments := append([]string{
		"kube-controller-manager", "--controllers=" + strings.Join(names, ","),
		"--service-account-private-key-file=" + filepath.Join(c.folder, "pki", "sa.key"),
		"--root-ca-file=" + filepath.Join(c.folder, "pki", "ca.crt"),
	}, kubeconfigs...)
	if err := crew.start(c.folder, "controllers", arguments...); err != nil {
		return err
	}
	if !scheduler || c.host {
		return nil
	}
	return crew.start(c.folder, "scheduler", append([]string{"kube-scheduler"}, kubeconfigs...)...)
}

// answers says what keeps the API server from being ready.
func (c *cluster) answers(ctx context.Context) error {
	ca, err := os.ReadFile(filepath.Join(c.folder, "pki", "ca.crt"))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	token, err := os.ReadFile(filepath.Join(c.folder, "admin.token"))
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/readyz?verbose", c.port), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	var unready []string
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "[-]") {
			unready = append(unready, strings.TrimSpace(line))
		}
	}
	return fmt.Errorf("/readyz answers %d: %s", answer.StatusCode, strings.Join(unready, ", "))
}

// works says what keeps workloads from running: the default service account, and nodes that are Ready.
func (c *cluster) works(ctx context.Context, nodes bool) error {
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig())
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
		return err
	}
	if _, err := client.CoreV1().ConfigMaps("default").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{}); err != nil {
		return err
	}
	if c.host || !nodes {
		return nil
	}
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, node := range list.Items {
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
	}
	return errors.New("no node is Ready")
}
