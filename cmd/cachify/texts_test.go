//go:build unix

package main_test

import (
	"strings"
	"testing"
)

// What is wrong is said in the words of the command line, with what would be right.
func TestWrongCommandLines(t *testing.T) {
	h := newHost(t)
	for _, c := range []struct{ line, says string }{
		{"lokc k -- true", `unknown command "lokc"; there is lock`},
		{"frobnicate", `unknown command "frobnicate" (see`},
		{"help frobnicate", `unknown command "frobnicate"`},
		{"doctor more", `it takes no arguments: "more" is too much`},
		{"version more", `it takes no arguments: "more" is too much`},
		{"demo more", `it takes no arguments: "more" is too much`},
		{"watch a b", `at most one key, not 2: "b" is too much`},
		{"man lock once", `at most one command, not 2: "once" is too much`},
		{"pool p --max many -- true", `"many" for "--max" flag: it must be a whole number`},
		{"pool p --max 2 --slots x -- true", `"x" for "--slots" flag: it must be a whole number`},
		{"release k --lock --once", "only one of --lock, --once and --pool"},
		{"cached k --ttl 0 -- true", "--ttl of 0: it must be from 1ms"},
		{"cached k -- true", "--ttl is missing"},
		{"once k --min-hold 1m -x 30s -- true", "--min-hold of 1m0s: it must not be longer than --expiry, 30s"},
	} {
		h.want(h.run(strings.Fields(c.line)...), 64, c.says)
	}
}

func TestVersion(t *testing.T) {
	h := newHost(t)
	cmd, flag := h.run("version"), h.run("--version")
	if cmd != flag || cmd.code != 0 || !strings.HasPrefix(cmd.out, "cachify ") {
		t.Errorf("got %+v and %+v", cmd, flag)
	}
}

// A script sees by the help and the man page what the codes mean.
func TestHelpHasTheExitCodes(t *testing.T) {
	h := newHost(t)
	for _, args := range [][]string{{"--help"}, {"help"}, {"man"}} {
		if r := h.run(args...); r.code != 0 || !strings.Contains(r.out, "the lease was lost while the command ran") {
			t.Errorf("%v: got %+v", args, r)
		}
	}
}

// A home that is no directory is one without a config file; another store can be named.
func TestHomeIsNoDirectory(t *testing.T) {
	h := newHost(t)
	h.write("file", "")
	cmd := h.command("lock", "k", "--", "true")
	cmd.Env = append(cmd.Env, "HOME="+h.file("file"))
	out, err := cmd.CombinedOutput()
	h.want(result{code: h.code(err), err: string(out)}, 0, "")
	cmd = h.command("lock", "k", "--", "true")
	cmd.Env = append(cmd.Env, "HOME="+h.file("file"), "CACHIFY_STORE=")
	out, err = cmd.CombinedOutput()
	h.want(result{code: h.code(err), err: string(out)}, 69, "name another store with --store or CACHIFY_STORE")
}
