//go:build linux

package main_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestCompletion(t *testing.T) {
	h := newHost(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if r := h.run("completion", shell); r.code != 0 || !strings.Contains(r.out, "__complete") {
			t.Errorf("%s: got %d, %q", shell, r.code, r.err)
		}
	}
	h.want(h.run("completion"), 64, "it must be one shell: bash, zsh, fish")
	h.want(h.run("completion", "csh"), 64, "it must be one shell")
	script := h.run("completion", "bash").out
	h.write("script", script)
	if out, err := exec.CommandContext(t.Context(), "bash", "-n", h.file("script")).CombinedOutput(); err != nil {
		t.Errorf("bash does not understand it: %v: %s", err, out)
	}

	if r := h.run("__completeNoDesc", "show", ""); r.code != 0 || r.out != ":4\n" {
		t.Errorf("got %+v", r)
	}
	if _, err := os.Stat(h.file("store.db")); err == nil {
		t.Error("completing has made the store")
	}
	h.hold("lock", "deploy")
	h.hold("once", "deploy")
	h.hold("pool", "gpu", "--max", "2")
	for _, c := range []struct{ line, want string }{
		{"show ", "deploy\ngpu\n:4\n"},
		{"release g", "gpu\n:4\n"},
		{"show deploy ", ":4\n"},
		{"completion f", "fish\n:4\n"},
		{"man sh", "show\n:4\n"},
	} {
		r := h.run(append([]string{"__completeNoDesc"}, strings.Split(c.line, " ")...)...)
		if r.code != 0 || r.out != c.want {
			t.Errorf("%q: got %d and %q, want %q", c.line, r.code, r.out, c.want)
		}
	}
	if r := h.run("__completeNoDesc", "lo"); !strings.HasPrefix(r.out, "lock\n") {
		t.Errorf("got %q", r.out)
	}
	if r := h.run("__complete", "lock", "--"); strings.Contains(r.out, "`") {
		t.Errorf("descriptions have marks of the help's: %q", r.out)
	}
	if r := h.run("__completeNoDesc", "lock", "--exp"); !strings.HasPrefix(r.out, "--expiry\n") {
		t.Errorf("got %q", r.out)
	}
}

func TestManPage(t *testing.T) {
	h := newHost(t)
	for name, says := range map[string]string{"": "nightly", "lock": "--conflict-exit-code"} {
		r := h.run(strings.Fields("man " + name)...)
		if r.code != 0 || !strings.Contains(r.out, ".TH") || !strings.Contains(strings.ReplaceAll(r.out, `\-`, "-"), says) {
			t.Errorf("%q: got %d, %q, %s", name, r.code, r.err, r.out)
		}
	}
	h.want(h.run("man", "frobnicate"), 64, "unknown command")
}
