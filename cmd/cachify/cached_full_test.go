//go:build linux

package main_test

import (
	"os"
	"strings"
	"testing"
)

// A disk that is full is an error, as for any command.
func TestCachedOntoAFullDisk(t *testing.T) {
	h := newHost(t)
	onto := func(args ...string) result {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = full.Close() }()
		cmd, said := h.command(args...), &strings.Builder{}
		cmd.Stdout, cmd.Stderr = full, said
		return result{code: h.code(cmd.Run()), err: said.String()}
	}
	h.want(onto("cached", "k", "--ttl", "1m", "--", "echo", "lost"), 1, "no space left on device")
	if r := h.run("cached", "k", "--ttl", "1m", "--", "echo", "found"); r.out != "found\n" {
		t.Errorf("what was not written was remembered: %+v", r)
	}
	h.want(onto("cached", "k", "--ttl", "1m", "--", "false"), 1, "no space left on device")
}
