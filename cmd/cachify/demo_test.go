//go:build linux

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// onStage is a host whose temporary files are in a directory of their own.
func onStage(t *testing.T) (*host, string) {
	h := newHost(t)
	dir := h.file("tmp")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	h.env = append(h.env, "TMPDIR="+dir)
	return h, dir
}

// players are the processes that name a directory in their arguments.
func players(h *host, dir string) (n int) {
	h.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		h.Fatal(err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), dir) {
			n++
		}
	}
	return n
}

func left(h *host, dir string) []string {
	h.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		h.Fatal(err)
	}
	return files
}

func TestDemo(t *testing.T) {
	h, dir := onStage(t)
	h.env = append(h.env, "CACHIFY_STORE=nonsense") // it has a store of its own
	r := h.run("demo", "--svg", "demo.svg")
	h.want(r, 0, "")
	for _, says := range []string{
		"lock, held by one at a time", "pool of 3", "C was killed with -9 at ", "✓ never two hold the lock: 14 times held, at most 1 at a time",
		"✓ never more than 3 are in the pool: ", "at most 3 at a time", "✓ first come, first served", "✓ fences rise",
	} {
		if !strings.Contains(r.out, says) {
			t.Errorf("%q is not in\n%s", says, r.out)
		}
	}
	if strings.Contains(r.out, "\x1b") {
		t.Errorf("colours on a pipe: %q", r.out)
	}
	if svg := h.read("demo.svg"); !strings.HasPrefix(svg, "<svg") || !strings.Contains(svg, "✓") {
		t.Errorf("the picture is %q", svg)
	}
	if n, files := players(h, dir), left(h, dir); n > 0 || len(files) > 0 {
		t.Errorf("%d processes and %q are left", n, files)
	}
}

// It cleans up when it is ended; killed with -9 it cannot, but its processes end.
func TestDemoIsEnded(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGKILL: 137} {
		h, dir := onStage(t)
		p := h.start("demo")
		eventually(h, "all play", func() bool { return players(h, dir) == 5 })
		p.signal(sig)
		h.want(p.end(), code, "")
		eventually(h, "no process is left", func() bool { return players(h, dir) == 0 })
		if files := left(h, dir); len(files) > 0 && sig != syscall.SIGKILL {
			t.Errorf("%v: %q are left", sig, files)
		}
	}
}

func TestDemoOnATerminal(t *testing.T) {
	h, _ := onStage(t)
	s := h.show(h.command("demo"))
	s.expect("lock: ")
	s.expect("\x1b[1mlock, held by one at a time\x1b[0m")
	s.expect("\x1b[32m█")
	s.expect("\x1b[32m✓\x1b[0m fences rise")
	if code := s.end(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}
