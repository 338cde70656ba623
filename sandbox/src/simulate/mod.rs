//! Nodes, kubelet and workload controllers that only pretend.
