//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// program is the command as it is shipped, built once for all tests.
var program string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cachify")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "cachify")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the command: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// patience is how long a test waits for what has to happen, on a machine that is busy.
const patience = time.Minute

// eventually waits until ok is true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// host is a machine of the test's own: a home directory, and a store in it.
type host struct {
	testing.TB
	home string
	env  []string // besides PATH and HOME
}

func newHost(t testing.TB) *host {
	h := &host{TB: t, home: t.TempDir()}
	h.env = []string{"CACHIFY_STORE=sqlite:" + h.file("store.db")}
	return h
}

// file is the path of a file in the home directory.
func (h *host) file(name string) string { return filepath.Join(h.home, name) }

// read is the content of such a file; empty if there is none.
func (h *host) read(name string) string {
	h.Helper()
	b, err := os.ReadFile(h.file(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		h.Fatal(err)
	}
	return string(b)
}

// write writes such a file.
func (h *host) write(name, content string) {
	h.Helper()
	if err := os.MkdirAll(filepath.Dir(h.file(name)), 0o700); err != nil {
		h.Fatal(err)
	}
	if err := os.WriteFile(h.file(name), []byte(content), 0o600); err != nil {
		h.Fatal(err)
	}
}

// command is a call of the command that is not started yet.
func (h *host) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), program, args...)
	cmd.Dir = h.home
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.home}, h.env...)
	return cmd
}

// result is how a call ended.
type result struct {
	code     int // as a shell shows it
	out, err string
}

// run calls the command.
func (h *host) run(args ...string) result {
	h.Helper()
	cmd := h.command(args...)
	out, errs := &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, errs
	return result{h.code(cmd.Run()), out.String(), errs.String()}
}

// code is the exit code in the error of a command.
func (h *host) code(err error) int {
	h.Helper()
	e := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &e):
		h.Fatal(err)
	}
	if status := e.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return e.ExitCode()
}

// want fails the test unless the call ended with code, and said what it has to.
func (h *host) want(r result, code int, says string) {
	h.Helper()
	if r.code != code || !strings.Contains(r.err, says) || says == "" && r.err != "" {
		h.Errorf("got %d and %q, want %d and %q\nstdout: %s", r.code, r.err, code, says, r.out)
	}
	if strings.Count(r.err, "\n") > 1 {
		h.Errorf("more than one line: %q", r.err)
	}
}

// said is what a call writes to stderr, also while it still runs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// process is a call that runs.
type process struct {
	*exec.Cmd
	h     *host
	in    io.WriteCloser
	from  *os.File
	out   *bufio.Reader
	errs  said
	ended chan struct{}
	err   error
}

// start starts a call that can be talked to.
func (h *host) start(args ...string) *process {
	h.Helper()
	p := &process{Cmd: h.command(args...), h: h, ended: make(chan struct{})}
	var err error
	if p.in, err = p.StdinPipe(); err != nil {
		h.Fatal(err)
	}
	from, to, err := os.Pipe() // which Wait does not close
	if err != nil {
		h.Fatal(err)
	}
	p.from, p.out, p.Stdout, p.Stderr = from, bufio.NewReader(from), to, &p.errs
	if err := p.Start(); err != nil {
		h.Fatal(err)
	}
	_ = to.Close()
	go func() {
		p.err = p.Wait()
		close(p.ended)
	}()
	h.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
		_ = from.Close()
	})
	return p
}

// talker is a child that says "ready", and then ends when its input does.
var talker = []string{"sh", "-c", "echo ready; read -r line; exit 0"}

// hold starts a talker with what args say, and returns when it runs.
func (h *host) hold(args ...string) *process {
	h.Helper()
	p := h.start(append(append(args, "--"), talker...)...)
	p.expect("ready")
	return p
}

// line reads a line.
func (p *process) line() string {
	p.h.Helper()
	if err := p.from.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.h.Fatal(err)
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		_ = p.Process.Kill()
		<-p.ended
		p.h.Fatalf("got %q and %v; stderr: %s", line, err, p.errs.String())
	}
	return strings.TrimSpace(line)
}

// expect reads a line and compares it.
func (p *process) expect(want string) {
	p.h.Helper()
	if line := p.line(); line != want {
		p.h.Fatalf("got %q, want %q", line, want)
	}
}

// signal sends a signal to the command alone.
func (p *process) signal(sig syscall.Signal) {
	p.h.Helper()
	if err := p.Process.Signal(sig); err != nil {
		p.h.Fatal(err)
	}
}

// end waits for the end.
func (p *process) end() result {
	p.h.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.h.Fatal("it does not end")
	}
	return result{code: p.h.code(p.err), err: p.errs.String()}
}

// finish lets a talker end.
func (p *process) finish() result {
	p.h.Helper()
	_ = p.in.Close()
	return p.end()
}

// gone reports whether there is no process with that id any more, or only what is
// left of it.
func gone(pid string) bool {
	stat, err := exec.CommandContext(context.Background(), "ps", "-o", "stat=", "-p", pid).Output()
	return err != nil || strings.HasPrefix(strings.TrimSpace(string(stat)), "Z")
}
