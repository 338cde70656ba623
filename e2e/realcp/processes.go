package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// patience with a process that was asked to end; after it, it is killed.
	patience = 8 * time.Second
	// lastLines of a log are shown when its process has died.
	lastLines = 12
	// lineLength at which such a line is cut.
	lineLength = 240
)

// process is a child.
type process struct {
	folder, name string
	ended        chan struct{}
	err          error
}

// crew starts processes and knows which of them have died. Their ids stand in FOLDER/pid/NAME, what they say in
// FOLDER/log/NAME.log.
type crew struct {
	// program is this binary.
	program string
	// bound: the processes die with this one.
	bound bool
	mu    sync.Mutex
	all   []*process
}

func newCrew(bound bool) (*crew, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &crew{program: program, bound: bound}, nil
}

// start starts a command of this binary, apart from the terminal's signals.
func (c *crew) start(folder, name string, args ...string) error {
	for _, sub := range []string{"log", "pid"} {
		if err := os.MkdirAll(filepath.Join(folder, sub), 0o755); err != nil {
			return err
		}
	}
	log, err := os.Create(logOf(folder, name))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(c.program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = apart(c.bound)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{folder: folder, name: name, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	c.mu.Lock()
	c.all = append(c.all, p)
	c.mu.Unlock()
	return os.WriteFile(filepath.Join(folder, "pid", name), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644)
}

// dead is a process that has ended, if one has.
func (c *crew) dead() *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.all {
		select {
		case <-p.ended:
			return p
		default:
		}
	}
	return nil
}

// obituary says which process died and what it said last.
func (p *process) obituary() error {
	how := "by itself"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s of %s ended (%s)\nthe last lines of %s:\n%s",
		p.name, filepath.Base(p.folder), how, logOf(p.folder, p.name), tail(logOf(p.folder, p.name)))
}

// await looks until look finds nothing missing, or a process dies, or time is up.
func (c *crew) await(ctx context.Context, what, log string, look func(context.Context) error) error {
	var missing error
	for {
		if p := c.dead(); p != nil {
			return p.obituary()
		}
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := look(short)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || missing == nil {
			missing = err
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errInterrupted) {
				return errInterrupted
			}
			return fmt.Errorf("%s: not in time; last seen: %w\nthe last lines of %s:\n%s", what, missing, log, tail(log))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func logOf(folder, name string) string { return filepath.Join(folder, "log", name+".log") }

func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return "  " + err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	lines = lines[max(0, len(lines)-lastLines):]
	for i, line := range lines {
		lines[i] = line[:min(len(line), lineLength)]
	}
	return "  " + strings.Join(lines, "\n  ")
}

// running are the processes of a folder that live, by the file that names them. A process counts only if its command
// line names the folder: ids are given again.
func running(folder string) (map[string]int, error) {
	found := map[string]int{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Base(filepath.Dir(path)) != "pid" {
			return ignoreGone(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
		if err == nil && strings.Contains(commandLine(pid), folder+string(filepath.Separator)) {
			found[path] = pid
		}
		return nil
	})
	return found, err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// commandLine of a living process; empty for one that is gone, or dead and not yet buried.
func commandLine(pid int) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err == nil {
		return string(bytes.ReplaceAll(content, []byte{0}, []byte{' '}))
	}
	if _, err := os.Stat("/proc/self/cmdline"); err == nil {
		return ""
	}
	// No /proc here.
	content, _ = exec.Command("ps", "-p", strconv.Itoa(pid), "-o", "command=").Output()
	return string(content)
}

// end ends every process of a folder: the ones that talk to an API server, the API servers, then etcd. It answers how
// many there were.
func end(folder string) (int, error) {
	found, err := running(folder)
	if err != nil {
		return 0, err
	}
	rank := func(path string) int {
		switch filepath.Base(path) {
		case "etcd":
			return 2
		case "apiserver":
			return 1
		default:
			return 0
		}
	}
	for turn := range 3 {
		var turns []string
		for path := range found {
			if rank(path) == turn {
				turns = append(turns, path)
			}
		}
		sort.Strings(turns)
		if err := endAll(folder, turns, found); err != nil {
			return 0, err
		}
	}
	return len(found), forgetIDs(folder)
}

func endAll(folder string, paths []string, ids map[string]int) error {
	alive := func(path string) bool { return strings.Contains(commandLine(ids[path]), folder) }
	for _, path := range paths {
		_ = syscall.Kill(ids[path], syscall.SIGTERM)
	}
	deadline := time.Now().Add(patience)
	killed := false
	for {
		var left []string
		for _, path := range paths {
			if alive(path) {
				left = append(left, path)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			if killed {
				return fmt.Errorf("%s does not end, though killed", strings.Join(left, ", "))
			}
			for _, path := range left {
				_ = syscall.Kill(ids[path], syscall.SIGKILL)
			}
			killed, deadline = true, time.Now().Add(patience)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// forgetIDs removes the files that name processes which live no more.
func forgetIDs(folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Base(filepath.Dir(path)) == "pid" {
			err = os.Remove(path)
		}
		return ignoreGone(err)
	})
}
