//! Faults that can be injected: delays, errors, cuts, partitions.
