package main

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// rooms is what the pods of a cluster have taken of its nodes, all of one size. A pod is counted once it has been given a
// node, by whomever, until it is finished or gone.
type rooms struct {
	mu     sync.Mutex
	nodes  []string
	cpu    int64 // thousandths
	memory int64
	next   int
	taken  map[string]need
	pods   map[types.UID]place
	// waits has the keys of pods that found no room.
	waits map[string]struct{}
}

type need struct{ cpu, memory int64 }

type place struct {
	node string
	need need
}

func newRooms(size corev1.ResourceList) *rooms {
	return &rooms{cpu: size.Cpu().MilliValue(), memory: size.Memory().Value(),
		taken: map[string]need{}, pods: map[types.UID]place{}, waits: map[string]struct{}{}}
}

func needOf(p *corev1.Pod) (sum need) {
	for _, container := range p.Spec.Containers {
		sum.cpu += container.Resources.Requests.Cpu().MilliValue()
		sum.memory += container.Resources.Requests.Memory().Value()
	}
	return sum
}

// take finds a node with room, in turn, and counts the pod there; "" where there is none.
func (r *rooms) take(key string, p *corev1.Pod) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.pods[p.UID]; ok {
		return known.node
	}
	wanted := needOf(p)
	for range r.nodes {
		node := r.nodes[r.next%len(r.nodes)]
		r.next++
		taken := r.taken[node]
		if taken.cpu+wanted.cpu <= r.cpu && taken.memory+wanted.memory <= r.memory {
			r.put(p.UID, place{node, wanted})
			delete(r.waits, key)
			return node
		}
	}
	r.waits[key] = struct{}{}
	return ""
}

// put counts a pod; with the lock held.
func (r *rooms) put(uid types.UID, at place) {
	r.pods[uid] = at
	taken := r.taken[at.node]
	r.taken[at.node] = need{taken.cpu + at.need.cpu, taken.memory + at.need.memory}
}

// seen takes over where a pod is. It returns the keys of the pods that may find room now.
func (r *rooms) seen(p *corev1.Pod) []string {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return r.gone(p.UID, "")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.pods[p.UID]; !ok && p.Spec.NodeName != "" {
		r.put(p.UID, place{p.Spec.NodeName, needOf(p)})
	}
	return nil
}

// gone gives back what a pod had taken. It returns the keys of the pods that may find room now.
func (r *rooms) gone(uid types.UID, key string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waits, key)
	had, ok := r.pods[uid]
	if !ok {
		return nil
	}
	delete(r.pods, uid)
	taken := r.taken[had.node]
	r.taken[had.node] = need{taken.cpu - had.need.cpu, taken.memory - had.need.memory}
	keys := make([]string, 0, len(r.waits))
	for key := range r.waits {
		keys = append(keys, key)
	}
	return keys
}
