// Command realcp is a real Kubernetes control plane without containers, in one binary: etcd, kube-apiserver,
// kube-controller-manager and kube-scheduler as their publishers wrote them, a small simulated kubelet of our own
// (simlet), and the commands that start a host with members from them (up), end it (down), add a member (member) and
// try a server with a client-go informer (informer).
package main

import (
	"fmt"
	"os"
	"strings"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// command is one thing that the binary can be.
type command struct {
	name, what string
	run        func(args []string) int
}

func commands() []command {
	return []command{
		{"up", "start a host and members, wait until they are ready", up},
		{"down", "end what up started in a folder", down},
		{"member", "create or delete one more member while a control plane is up", member},
		{"informer", "try a server with client-go informers: lists, watches, compares", informer},
		{"simlet", "nodes and kubelets, simulated", simlet},
		{"etcd", "etcd", func([]string) int { etcdmain.Main(os.Args); return 0 }},
		{"kube-apiserver", "Kubernetes' API server", func([]string) int { return cli.Run(apiserver.NewAPIServerCommand()) }},
		{"kube-controller-manager", "Kubernetes' controllers", func([]string) int { return cli.Run(controllers.NewControllerManagerCommand()) }},
		{"kube-scheduler", "Kubernetes' scheduler", func([]string) int { return cli.Run(scheduler.NewSchedulerCommand()) }},
	}
}

func main() {
	all := commands()
	if len(os.Args) > 1 {
		for _, c := range all {
			if c.name == os.Args[1] {
				// The commands of other publishers read os.Args themselves.
				os.Args = append([]string{c.name}, os.Args[2:]...)
				os.Exit(c.run(os.Args[1:]))
			}
		}
	}
	var text strings.Builder
	text.WriteString("usage: realcp COMMAND [flags]\n\n")
	for _, c := range all {
		fmt.Fprintf(&text, "  %-24s %s\n", c.name, c.what)
	}
	fmt.Fprint(os.Stderr, text.String())
	os.Exit(2)
}

// complain says what went wrong and is the exit status of that.
func complain(what string, err error) int {
	fmt.Fprintf(os.Stderr, "realcp %s: %v\n", what, err)
	return 1
}
