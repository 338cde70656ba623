package main

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Free ports are looked for below those that systems hand out by themselves (from 32768 on Linux, 49152 elsewhere), or
// one that was free would be taken by a client's connection before its server starts.
const (
	portsFrom = 20000
	portsTo   = 30000
)

// ports hands out ports: from a given one upwards, or free ones.
type ports struct {
	next  int
	given map[int]bool
}

func newPorts(first int) *ports { return &ports{next: first, given: map[int]bool{}} }

// take answers the next port for a server.
func (p *ports) take(server string) (int, error) {
	if p.next != 0 {
		port := p.next
		p.next++
		if err := free(port); err != nil {
			return 0, fmt.Errorf("port %d, which %s was to have, is taken (%w): give another first port, or none, and free ones are chosen", port, server, err)
		}
		return port, nil
	}
	for range 10 * (portsTo - portsFrom) {
		port := portsFrom + rand.IntN(portsTo-portsFrom)
		if !p.given[port] && free(port) == nil {
			p.given[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port between %d and %d is free", portsFrom, portsTo)
}

func free(port int) error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	return listener.Close()
}
