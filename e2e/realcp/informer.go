package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/features"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// trialLabel is on everything that the informers see.
	trialLabel = "realcp.navarch.dev/trial"
	// last is the name of the object that ends each kind's events.
	last = "zz-last"
)

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// gates are client-go's switches. It reads them from variables by itself, but the Kubernetes packages of this binary
// put their own in place.
type gates struct {
	features.Gates
	streams bool
}

func (g gates) Enabled(feature features.Feature) bool {
	if feature == features.WatchListClient {
		return g.streams
	}
	return g.Gates.Enabled(feature)
}

// informer tries a server as a controller that others wrote in Go uses it: shared informers of two built-in kinds and a
// custom one list and watch while objects come, change and go; they must see exactly these events, in order, and end
// with what a list answers. Whether they list or stream their first state (WatchList) is client-go's own switch, the
// variable KUBE_FEATURE_WatchListClient.
func informer(args []string) int {
	fs := flag.NewFlagSet("informer", flag.ExitOnError)
	kubeconfig := fs.String("kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig file")
	kubeContext := fs.String("context", "", "context; the current one if none is given")
	patience := fs.Duration("timeout", time.Minute, "how long everything may take")
	_ = fs.Parse(args)
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: *kubeconfig}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: *kubeContext}).ClientConfig()
	if err != nil {
		return complain("informer", err)
	}
	streams, err := strconv.ParseBool(cmp.Or(os.Getenv("KUBE_FEATURE_WatchListClient"), "false"))
	if err != nil {
		return complain("informer", fmt.Errorf("KUBE_FEATURE_WatchListClient: %w", err))
	}
	features.ReplaceFeatureGates(gates{features.FeatureGates(), streams})
	config.UserAgent, config.QPS = "realcp-informer", -1
	asked := &requestCounter{}
	config.Wrap(asked.wrap)
	t, err := newTrial(config)
	if err != nil {
		return complain("informer", err)
	}
	fmt.Printf("client-go informers on %s, WatchList %v\n", config.Host, streams)
	err = errors.Join(t.run(ctx), t.clean())
	if err == nil {
		err = asked.check(streams)
	}
	for _, kind := range t.kinds {
		fmt.Printf("%s: %s\n", kind.name, strings.Join(kind.seen(), ", "))
	}
	if err != nil {
		return complain("informer", err)
	}
	fmt.Printf("as it should be: %d events in order, and the stores hold what a list answers\n", t.events())
	return 0
}

// watchedKind is a kind, the events that are to be seen and those that were.
type watchedKind struct {
	name     string
	resource schema.GroupVersionResource
	informer cache.SharedIndexInformer
	expected []string
	mu       sync.Mutex
	events   []string
	ended    chan struct{}
}

// expect notes what a write must make the informer see.
func (k *watchedKind) expect(event string, object metav1.Object) {
	k.expected = append(k.expected, describe(event, object))
}

func (k *watchedKind) seen() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.events)
}

// describe names an event. A deletion's version is the server's choice, so it is not told.
func describe(event string, object metav1.Object) string {
	if event == "deleted" {
		return event + " " + object.GetName()
	}
	return fmt.Sprintf("%s %s@%s", event, object.GetName(), object.GetResourceVersion())
}

func (k *watchedKind) follow() error {
	note := func(event string, o any) {
		if tombstone, ok := o.(cache.DeletedFinalStateUnknown); ok {
			event, o = "deleted unseen", tombstone.Obj
		}
		object, err := meta.Accessor(o)
		if err != nil {
			return
		}
		k.mu.Lock()
		k.events = append(k.events, describe(event, object))
		k.mu.Unlock()
		// Its status may be written later.
		if object.GetName() == last && event == "added" {
			close(k.ended)
		}
	}
	_, err := k.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { note("added", o) },
		UpdateFunc: func(_, o any) { note("updated", o) },
		DeleteFunc: func(o any) { note("deleted", o) },
	})
	return err
}

// trial is one run against one server.
type trial struct {
	client    *kubernetes.Clientset
	dynamic   *dynamic.DynamicClient
	namespace string
	// buoys is the custom kind, in a group of this trial's own.
	buoys schema.GroupVersionResource
	kinds []*watchedKind
}

func newTrial(config *rest.Config) (*trial, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	anyKind, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &trial{client: client, dynamic: anyKind}, nil
}

func (t *trial) run(ctx context.Context) error {
	if err := t.prepare(ctx); err != nil {
		return err
	}
	// Some objects are there before the informers begin.
	if err := t.maps(ctx, "before"); err != nil {
		return err
	}
	if err := t.custom(ctx, "before"); err != nil {
		return err
	}
	selects := func(o *metav1.ListOptions) { o.LabelSelector = trialLabel }
	typed := informers.NewSharedInformerFactoryWithOptions(t.client, 0, informers.WithNamespace(t.namespace), informers.WithTweakListOptions(selects))
	untyped := dynamicinformer.NewFilteredDynamicSharedInformerFactory(t.dynamic, 0, t.namespace, selects)
	t.kinds[0].informer = typed.Core().V1().ConfigMaps().Informer()
	t.kinds[1].informer = typed.Apps().V1().Deployments().Informer()
	t.kinds[2].informer = untyped.ForResource(t.buoys).Informer()
	for _, kind := range t.kinds {
		if err := kind.follow(); err != nil {
			return err
		}
	}
	// Informers that run when the namespace goes would see its end, too.
	following, stop := context.WithCancel(ctx)
	defer func() { stop(); typed.Shutdown(); untyped.Shutdown() }()
	typed.Start(following.Done())
	untyped.Start(following.Done())
	for _, kind := range t.kinds {
		if !cache.WaitForCacheSync(ctx.Done(), kind.informer.HasSynced) {
			return fmt.Errorf("the informer of %s does not synchronise", kind.name)
		}
	}
	for _, step := range []func(context.Context, string) error{t.maps, t.deployments, t.custom} {
		if err := step(ctx, "after"); err != nil {
			return err
		}
	}
	return t.compare(ctx)
}

// prepare makes the namespace and the custom kind.
func (t *trial) prepare(ctx context.Context) error {
	made, err := t.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "informer-"}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("making a namespace: %w", err)
	}
	t.namespace = made.Name
	t.buoys = schema.GroupVersionResource{Group: made.Name + ".realcp.navarch.dev", Version: "v1", Resource: "buoys"}
	for _, kind := range []struct {
		name     string
		resource schema.GroupVersionResource
	}{
		{"configmaps", corev1.SchemeGroupVersion.WithResource("configmaps")},
		{"deployments", appsv1.SchemeGroupVersion.WithResource("deployments")},
		{"buoys", t.buoys},
	} {
		t.kinds = append(t.kinds, &watchedKind{name: kind.name, resource: kind.resource, ended: make(chan struct{})})
	}
	if _, err := t.dynamic.Resource(definitions).Create(ctx, buoyDefinition(t.buoys), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("making the definition of buoys: %w", err)
	}
	for {
		// Served a moment after it is established.
		_, err := t.dynamic.Resource(t.buoys).Namespace(t.namespace).List(ctx, metav1.ListOptions{})
		if err == nil {
			return nil
		}
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("listing buoys: %w", err)
		}
		select {
		case <-ctx.Done():
			return errors.New("buoys are not served in time")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func metadata(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: map[string]string{trialLabel: "yes"}}
}

// maps writes ConfigMaps: creates, updates, a label that goes and comes, deletes.
func (t *trial) maps(ctx context.Context, when string) error {
	c, kind := t.client.CoreV1().ConfigMaps(t.namespace), t.kinds[0]
	create := func(name string) (*corev1.ConfigMap, error) {
		m, err := c.Create(ctx, &corev1.ConfigMap{ObjectMeta: metadata(name), Data: map[string]string{"depth": "1"}}, metav1.CreateOptions{})
		if err == nil {
			kind.expect("added", m)
		}
		return m, err
	}
	if when == "before" {
		_, err := create("early")
		return err
	}
	m, err := create("late")
	if err != nil {
		return err
	}
	for _, depth := range []string{"2", "3", "4"} {
		m.Data["depth"] = depth
		if m, err = c.Update(ctx, m, metav1.UpdateOptions{}); err != nil {
			return err
		}
		kind.expect("updated", m)
	}
	// A watch with a selector says that what no longer fits is gone.
	relabel := func(value string) (*corev1.ConfigMap, error) {
		patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, trialLabel, value)
		return c.Patch(ctx, "late", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	}
	if m, err = relabel("null"); err != nil {
		return err
	}
	kind.expect("deleted", m)
	if m, err = relabel(`"yes"`); err != nil {
		return err
	}
	kind.expect("added", m)
	for _, name := range []string{"early", "late"} {
		if err := c.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return err
		}
		kind.expect("deleted", &metav1.ObjectMeta{Name: name})
	}
	_, err = create(last)
	return err
}

// deployments writes Deployments. The server may run workload controllers, which write the status at any time; paused
// and without replicas, there is nothing for them to do but that, so only generations are compared (see compare).
func (t *trial) deployments(ctx context.Context, _ string) error {
	c, kind := t.client.AppsV1().Deployments(t.namespace), t.kinds[1]
	pod := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "buoy"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example.com/buoy:1"}}},
	}
	create := func(name string) error {
		d, err := c.Create(ctx, &appsv1.Deployment{ObjectMeta: metadata(name), Spec: appsv1.DeploymentSpec{
			Replicas: new(int32), Paused: true, Template: pod, Selector: &metav1.LabelSelector{MatchLabels: pod.Labels},
		}}, metav1.CreateOptions{})
		if err == nil {
			kind.expect("added", d)
		}
		return err
	}
	if err := create("web"); err != nil {
		return err
	}
	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"registry.example.com/buoy:2"}]}}}}`)
	d, err := c.Patch(ctx, "web", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return err
	}
	kind.expect("updated", d)
	if err := c.Delete(ctx, "web", metav1.DeleteOptions{}); err != nil {
		return err
	}
	kind.expect("deleted", d)
	return create(last)
}

// custom writes objects of a kind that the server learned a moment ago.
func (t *trial) custom(ctx context.Context, when string) error {
	c, kind := t.dynamic.Resource(t.buoys).Namespace(t.namespace), t.kinds[2]
	create := func(name string) error {
		b, err := c.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": t.buoys.GroupVersion().String(), "kind": "Buoy",
			"metadata": map[string]any{"name": name, "labels": map[string]any{trialLabel: "yes"}}, "spec": map[string]any{"colour": "red"},
		}}, metav1.CreateOptions{})
		if err == nil {
			kind.expect("added", b)
		}
		return err
	}
	if when == "before" {
		return create("north")
	}
	b, err := c.Patch(ctx, "north", types.MergePatchType, []byte(`{"spec":{"colour":"green"}}`), metav1.PatchOptions{})
	if err != nil {
		return err
	}
	kind.expect("updated", b)
	if err := c.Delete(ctx, "north", metav1.DeleteOptions{}); err != nil {
		return err
	}
	kind.expect("deleted", b)
	return create(last)
}

// compare waits for each kind's last event and compares what was seen with what was written.
func (t *trial) compare(ctx context.Context) error {
	for _, kind := range t.kinds {
		select {
		case <-kind.ended:
		case <-ctx.Done():
			return fmt.Errorf("%s: the last event does not come; seen: %s; expected: %s", kind.name, strings.Join(kind.seen(), ", "), strings.Join(kind.expected, ", "))
		}
		seen := kind.seen()
		if kind.resource.Resource == "deployments" {
			seen = t.withoutStatus(kind, seen)
		}
		if !slices.Equal(seen, kind.expected) {
			return fmt.Errorf("%s: seen: %s; expected: %s", kind.name, strings.Join(seen, ", "), strings.Join(kind.expected, ", "))
		}
		list, err := t.dynamic.Resource(kind.resource).Namespace(t.namespace).List(ctx, metav1.ListOptions{LabelSelector: labels.Set{trialLabel: "yes"}.String()})
		if err != nil {
			return err
		}
		var listed []string
		for i := range list.Items {
			listed = append(listed, list.Items[i].GetNamespace()+"/"+list.Items[i].GetName())
		}
		slices.Sort(listed)
		stored := kind.informer.GetStore().ListKeys()
		slices.Sort(stored)
		if !slices.Equal(stored, listed) {
			return fmt.Errorf("%s: the informer's store holds %v, a list answers %v", kind.name, stored, listed)
		}
	}
	return nil
}

// withoutStatus leaves out updates that nobody here made: the status, by the server's own controllers.
func (t *trial) withoutStatus(kind *watchedKind, seen []string) []string {
	return slices.DeleteFunc(seen, func(event string) bool {
		return strings.HasPrefix(event, "updated ") && !slices.Contains(kind.expected, event)
	})
}

func (t *trial) events() int {
	sum := 0
	for _, kind := range t.kinds {
		sum += len(kind.expected)
	}
	return sum
}

// clean removes what the trial made, also after its time.
func (t *trial) clean() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if t.namespace == "" {
		return nil
	}
	err := t.dynamic.Resource(definitions).Delete(ctx, t.buoys.GroupResource().String(), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		err = nil
	}
	return errors.Join(err, t.client.CoreV1().Namespaces().Delete(ctx, t.namespace, metav1.DeleteOptions{}))
}

func buoyDefinition(buoys schema.GroupVersionResource) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": buoys.GroupResource().String()},
		"spec": map[string]any{
			"group": buoys.Group, "scope": "Namespaced",
			"names": map[string]any{"kind": "Buoy", "listKind": "BuoyList", "plural": buoys.Resource, "singular": "buoy"},
			"versions": []any{map[string]any{
				"name": buoys.Version, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{
					"type": "object",
					"properties": map[string]any{"spec": map[string]any{
						"type": "object", "properties": map[string]any{"colour": map[string]any{"type": "string"}},
					}},
				}},
			}},
		},
	}}
}

// requestCounter counts how informers begin: with a list, or with a watch that sends the first state itself.
type requestCounter struct {
	mu             sync.Mutex
	lists, streams int
}

func (r *requestCounter) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		query := request.URL.Query()
		r.mu.Lock()
		switch {
		case query.Get("sendInitialEvents") == "true":
			r.streams++
		// Only informers say from which version they list.
		case request.Method == http.MethodGet && query.Get("watch") == "" && query.Has("resourceVersion"):
			r.lists++
		}
		r.mu.Unlock()
		return next.RoundTrip(request)
	})
}

// check says if the informers did not begin as the switch has it.
func (r *requestCounter) check(streams bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if streams && (r.streams != 3 || r.lists != 0) || !streams && (r.streams != 0 || r.lists != 3) {
		return fmt.Errorf("three informers, WatchList %v: %d streamed their first state, %d listed it", streams, r.streams, r.lists)
	}
	return nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }
