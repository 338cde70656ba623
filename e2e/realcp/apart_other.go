//go:build !linux

package main

import "syscall"

// apart gives a child a session of its own. Only Linux can bind a child's life to ours; elsewhere, `down` ends what is
// left when this process is killed.
func apart(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
