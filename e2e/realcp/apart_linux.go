package main

import "syscall"

// apart gives a child a session of its own, so that the terminal's signals do not reach it; a bound one is killed when
// the thread that started it ends, however that comes about.
func apart(bound bool) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setsid: true}
	if bound {
		attributes.Pdeathsig = syscall.SIGKILL
	}
	return attributes
}
