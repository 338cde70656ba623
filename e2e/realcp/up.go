package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// marker names a folder as one of ours: what stands in such a folder may be removed.
const marker = "realcp.run"

var errInterrupted = errors.New("interrupted")

// plan is what `up` is asked for.
type plan struct {
	dir, sim               string
	members, firstPort     int
	separateEtcd, audit    bool
	bound                  bool
	hostFlags, memberFlags string
	simletFlags            string
	patience               time.Duration
}

func up(args []string) int {
	var p plan
	fs := flag.NewFlagSet("up", flag.ExitOnError)
	fs.StringVar(&p.dir, "dir", "", "folder of the control plane (certificates, data, logs)")
	fs.IntVar(&p.members, "members", 3, "member clusters")
	fs.IntVar(&p.firstPort, "port", 0, "first of the ports; 0: free ones")
	fs.StringVar(&p.sim, "sim", "simlet", "simlet: pods are bound round robin; scheduler: by a kube-scheduler in each member; none: no nodes")
	fs.BoolVar(&p.separateEtcd, "separate-etcd", false, "one etcd for each cluster")
	fs.BoolVar(&p.audit, "audit", true, "write FOLDER/CLUSTER/log/audit.jsonl: every request, without its object")
	fs.BoolVar(&p.bound, "bound", false, "stay in the foreground, and end everything when standard input ends")
	fs.StringVar(&p.hostFlags, "host-flags", "", "more flags for the host's kube-apiserver")
	fs.StringVar(&p.memberFlags, "member-flags", "", "more flags for the members' kube-apiservers")
	fs.StringVar(&p.simletFlags, "simlet-flags", "", "more flags for the simulated kubelets")
	fs.DurationVar(&p.patience, "timeout", 2*time.Minute, "how long it may take until everything is ready")
	_ = fs.Parse(args)
	if fs.NArg() > 0 || p.dir == "" || p.members < 0 {
		return complain("up", fmt.Errorf("give --dir FOLDER and no arguments beside the flags (there is %q)", fs.Args()))
	}
	if p.sim != "simlet" && p.sim != "scheduler" && p.sim != "none" {
		return complain("up", fmt.Errorf("--sim=%s: there is simlet, scheduler, none", p.sim))
	}
	// The children of a thread that ends would be killed with it (apart).
	runtime.LockOSThread()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() { <-signals; cancel(errInterrupted) }()
	if p.bound {
		go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel(errInterrupted) }()
	}
	folder, unlock, err := claim(p.dir)
	if err != nil {
		return complain("up", err)
	}
	defer unlock()
	p.dir = folder
	crew, err := newCrew(p.bound)
	if err != nil {
		return complain("up", err)
	}
	if err := p.start(ctx, crew); err != nil {
		if len(crew.all) == 0 {
			return complain("up", err)
		}
		if _, stopping := end(p.dir); stopping != nil {
			err = errors.Join(err, stopping)
		} else {
			err = fmt.Errorf("%w\nWhat had been started is stopped; the logs stay in %s", err, p.dir)
		}
		return complain("up", err)
	}
	if !p.bound {
		return 0
	}
	<-ctx.Done()
	if _, err := end(p.dir); err != nil {
		return complain("up", err)
	}
	return 0
}

// claim makes the folder ours, cleans what an earlier control plane left in it, and keeps others out until unlocked.
func claim(dir string) (string, func(), error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, err
	}
	folder, err := filepath.Abs(dir)
	if err != nil {
		return "", nil, err
	}
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", nil, err
	}
	path := filepath.Join(folder, marker)
	if _, err := os.Stat(path); err != nil && len(entries) > 0 {
		return "", nil, fmt.Errorf("%s is not empty and no control plane has been there: give an empty folder, or one that does not exist", folder)
	}
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return "", nil, fmt.Errorf("another control plane starts or runs in %s: wait for it, or give another folder", folder)
	}
	unlock := func() { lock.Close() }
	found, err := running(folder)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("a control plane runs in %s (%d processes): end it with `%s`, or give another folder", folder, len(found), howToEnd(folder))
	}
	for _, entry := range entries {
		if err == nil && entry.Name() != marker {
			err = os.RemoveAll(filepath.Join(folder, entry.Name()))
		}
	}
	if err != nil {
		unlock()
		return "", nil, err
	}
	return folder, unlock, nil
}

// howToEnd is the command that a user types; the script that started us says how it is called.
func howToEnd(folder string) string {
	if script := os.Getenv("REALCP_DOWN"); script != "" {
		return script + " " + folder
	}
	return os.Args[0] + " down --dir " + folder
}

// start starts everything and waits until it is ready.
func (p *plan) start(ctx context.Context, crew *crew) error {
	begun := time.Now()
	deadline, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	all, etcds, err := p.clusters()
	if err != nil {
		return err
	}
	for _, e := range etcds {
		if err := startEtcd(crew, e.folder, e.clients, e.peers); err != nil {
			return err
		}
		// API servers that find no etcd only fill their logs.
		if err := crew.await(deadline, "etcd listens", logOf(e.folder, "etcd"), e.listens); err != nil {
			return err
		}
	}
	for i := range all {
		if err := all[i].startServer(crew); err != nil {
			return err
		}
	}
	for i := range all {
		c := &all[i]
		if err := crew.await(deadline, c.name+" is ready", logOf(c.folder, "apiserver"), c.answers); err != nil {
			return err
		}
		if err := c.startControllers(crew, p.sim == "scheduler"); err != nil {
			return err
		}
	}
	if err := p.kubeconfig(all); err != nil {
		return err
	}
	if err := p.startSimlet(crew, all); err != nil {
		return err
	}
	for i := range all {
		c := &all[i]
		works := func(ctx context.Context) error { return c.works(ctx, p.sim != "none") }
		if err := crew.await(deadline, c.name+" runs workloads", logOf(c.folder, "controllers"), works); err != nil {
			return err
		}
	}
	fmt.Print(p.greeting(time.Since(begun)))
	return nil
}

// etcd is one to start.
type etcd struct {
	folder         string
	clients, peers int
}

// listens says what keeps it from being reached.
func (e etcd) listens(ctx context.Context) error {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", e.clients))
	if err != nil {
		return err
	}
	return connection.Close()
}

// clusters lays out who listens where. Nothing is started before every port is known to be free.
func (p *plan) clusters() ([]cluster, []etcd, error) {
	ports := newPorts(p.firstPort)
	names := []string{"host"}
	for i := range p.members {
		names = append(names, fmt.Sprintf("member-%d", i+1))
	}
	var etcds []etcd
	add := func(folder string) error {
		clients, err := ports.take("etcd")
		if err != nil {
			return err
		}
		peers, err := ports.take("etcd")
		etcds = append(etcds, etcd{folder, clients, peers})
		return err
	}
	if !p.separateEtcd {
		if err := add(filepath.Join(p.dir, "etcd")); err != nil {
			return nil, nil, err
		}
	}
	var all []cluster
	for _, name := range names {
		c := cluster{name: name, folder: filepath.Join(p.dir, name), host: name == "host", audit: p.audit}
		if p.separateEtcd {
			if err := add(filepath.Join(c.folder, "etcd")); err != nil {
				return nil, nil, err
			}
		}
		port, err := ports.take("kube-apiserver of " + name)
		if err != nil {
			return nil, nil, err
		}
		c.port, c.etcd, c.flags = port, etcds[len(etcds)-1].clients, strings.Fields(p.memberFlags)
		if c.host {
			c.flags = strings.Fields(p.hostFlags)
		}
		all = append(all, c)
	}
	return all, etcds, nil
}

// kubeconfig writes the one with every context.
func (p *plan) kubeconfig(all []cluster) error {
	var names, folders []string
	var ports []int
	for _, c := range all {
		names, folders, ports = append(names, c.name), append(folders, c.folder), append(ports, c.port)
	}
	return writeKubeconfig(filepath.Join(p.dir, "kubeconfig"), names, folders, ports)
}

// startSimlet starts one process for the nodes of all members.
func (p *plan) startSimlet(crew *crew, all []cluster) error {
	var files []string
	for _, c := range all {
		if !c.host {
			files = append(files, c.kubeconfig())
		}
	}
	if p.sim == "none" || len(files) == 0 {
		return nil
	}
	arguments := []string{"simlet", "--kubeconfigs=" + strings.Join(files, ","), "--bind=" + strconv.FormatBool(p.sim == "simlet")}
	return crew.start(p.dir, "simlet", append(arguments, strings.Fields(p.simletFlags)...)...)
}

// greeting says what is there, how to use it and how to end it.
func (p *plan) greeting(took time.Duration) string {
	contexts := "context host"
	switch {
	case p.members == 1:
		contexts += " and member-1"
	case p.members > 1:
		contexts += fmt.Sprintf(" and member-1 to member-%d", p.members)
	}
	ending := howToEnd(p.dir)
	if p.bound {
		ending = "close standard input, or press Ctrl-C"
	}
	kubeconfig := filepath.Join(p.dir, "kubeconfig")
	return fmt.Sprintf("Ready after %.1f s: %s in %s\n\n  export KUBECONFIG=%s\n  kubectl --context host get namespaces\n\nLogs: %s/*/log. To end it: %s\n",
		took.Seconds(), contexts, kubeconfig, kubeconfig, p.dir, ending)
}

func down(args []string) int {
	fs := flag.NewFlagSet("down", flag.ExitOnError)
	dir := fs.String("dir", "", "the folder that was given to up")
	_ = fs.Parse(args)
	folder, err := ours(*dir)
	if err != nil {
		return complain("down", err)
	}
	ended, err := end(folder)
	if err != nil {
		return complain("down", err)
	}
	if ended == 0 {
		fmt.Printf("Nothing runs in %s.\n", folder)
		return 0
	}
	fmt.Printf("%d processes are ended; the logs stay in %s.\n", ended, folder)
	return 0
}

// ours answers the whole path of a folder in which a control plane is or was.
func ours(dir string) (string, error) {
	folder, err := filepath.Abs(dir)
	if err == nil {
		folder, err = filepath.EvalSymlinks(folder)
	}
	if err == nil {
		_, err = os.Stat(filepath.Join(folder, marker))
	}
	if err != nil {
		return "", fmt.Errorf("no control plane has been started in %q (%w)", dir, err)
	}
	return folder, nil
}
