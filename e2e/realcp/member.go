package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// memberName: it becomes a folder, a context and a part of paths in etcd.
var memberName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// member makes one more member cluster beside those of `up`, or ends it.
func member(args []string) int {
	fs := flag.NewFlagSet("member", flag.ExitOnError)
	dir := fs.String("dir", "", "the folder of the control plane that is up")
	sim := fs.String("sim", "simlet", "simlet, scheduler or none, as for up")
	simletFlags := fs.String("simlet-flags", "--nodes=1 --cpu=32 --memory=256Gi --pods=110", "more flags for the simulated kubelet")
	flags := fs.String("member-flags", "", "more flags for its kube-apiserver")
	audit := fs.Bool("audit", true, "write its audit log")
	patience := fs.Duration("timeout", time.Minute, "how long it may take until it is ready")
	_ = fs.Parse(args)
	if fs.NArg() != 2 || fs.Arg(0) != "create" && fs.Arg(0) != "delete" {
		return complain("member", errors.New("give --dir FOLDER, create or delete, and a name"))
	}
	name := fs.Arg(1)
	run, err := ours(*dir)
	if err == nil && !memberName.MatchString(name) {
		err = fmt.Errorf("%q is no name for a member: lower-case letters, digits and dashes", name)
	}
	if err != nil {
		return complain("member", err)
	}
	folder := filepath.Join(run, "extra", name)
	if fs.Arg(0) == "delete" {
		if _, err := end(folder); err != nil {
			return complain("member", err)
		}
		if err := os.RemoveAll(folder); err != nil {
			return complain("member", err)
		}
		return 0
	}
	if err := isNew(run, folder, name); err != nil {
		return complain("member", err)
	}
	c := cluster{name: name, folder: folder, audit: *audit, flags: strings.Fields(*flags)}
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.createBeside(ctx, run, *sim, strings.Fields(*simletFlags)); err != nil {
		if _, stopping := end(folder); stopping != nil {
			err = errors.Join(err, stopping)
		}
		return complain("member", fmt.Errorf("%w\nWhat had been started of it is stopped; its logs stay in %s", err, folder))
	}
	content, err := os.ReadFile(c.kubeconfig())
	if err != nil {
		return complain("member", err)
	}
	os.Stdout.Write(content)
	return 0
}

// isNew says why a name cannot be given to a new member.
func isNew(run, folder, name string) error {
	if _, err := os.Stat(folder); err == nil {
		return fmt.Errorf("there is a member %s already (%s): delete it first", name, folder)
	}
	if _, err := os.Stat(filepath.Join(run, name)); err == nil {
		return fmt.Errorf("%s is the name of a cluster of this control plane", name)
	}
	return nil
}

// createBeside starts the cluster on the etcd of a control plane that is up, and waits until it is ready.
func (c *cluster) createBeside(ctx context.Context, run, sim string, simletFlags []string) error {
	text, err := os.ReadFile(filepath.Join(run, "etcd", "port"))
	if err != nil {
		return fmt.Errorf("the control plane has no etcd that clusters share (%w)", err)
	}
	if c.etcd, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		return err
	}
	if c.port, err = newPorts(0).take("kube-apiserver of " + c.name); err != nil {
		return err
	}
	crew, err := newCrew(false)
	if err != nil {
		return err
	}
	if err := c.startServer(crew); err != nil {
		return err
	}
	if err := crew.await(ctx, c.name+" is ready", logOf(c.folder, "apiserver"), c.answers); err != nil {
		return err
	}
	if err := c.startControllers(crew, sim == "scheduler"); err != nil {
		return err
	}
	if sim != "none" {
		arguments := []string{"simlet", "--kubeconfigs=" + c.kubeconfig(), "--bind=" + strconv.FormatBool(sim == "simlet")}
		if err := crew.start(c.folder, "simlet", append(arguments, simletFlags...)...); err != nil {
			return err
		}
	}
	works := func(ctx context.Context) error { return c.works(ctx, sim != "none") }
	return crew.await(ctx, c.name+" runs workloads", logOf(c.folder, "controllers"), works)
}
