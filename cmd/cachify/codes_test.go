//go:build unix

package main_test

import (
	"os"
	"strings"
	"testing"
)

// The child's own exit code, or what a shell would say about it.
func TestExitCodeOfTheChild(t *testing.T) {
	h := newHost(t)
	h.write("plain", "exit 7") // no #!, and executable
	h.write("data", "")
	if err := os.Chmod(h.file("plain"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, verb := range [][]string{{"lock"}, {"once"}, {"pool", "--max", "1"}, {"cached", "--ttl", "1m"}} {
		for _, c := range []struct {
			child []string
			code  int
			says  string
		}{
			{[]string{"true"}, 0, ""},
			{[]string{"sh", "-c", "exit 3"}, 3, ""},
			{[]string{"sh", "-c", "kill -TERM $$"}, 143, ""},
			{[]string{"sh", "-c", "kill -KILL $$"}, 137, ""},
			{[]string{h.file("plain")}, 7, ""},
			{[]string{"no-such-program"}, 127, "no-such-program: command not found"},
			{[]string{"./no-such-file"}, 127, "./no-such-file: no such file"},
			{[]string{h.file("data")}, 126, "cannot be executed: permission denied"},
			{[]string{h.home}, 126, "cannot be executed: is a directory"},
		} {
			key := strings.Join(append(verb, c.child...), " ")
			args := append(append(append([]string{}, verb...), key, "--"), c.child...)
			h.want(h.run(args...), c.code, c.says)
		}
	}
}

func TestChildSeesItsLease(t *testing.T) {
	h := newHost(t)
	r := h.run("lock", "k", "--", "sh", "-c", `echo "$CACHIFY_KEY|$CACHIFY_FENCE|$CACHIFY_HOLDER"`)
	h.want(r, 0, "")
	f := strings.Split(strings.TrimSpace(r.out), "|")
	if len(f) != 3 || f[0] != "k" || len(f[1]) < 10 || strings.Count(f[2], ":") != 2 {
		t.Errorf("got %q", r.out)
	}
	if r := h.run("once", "k", "--", "sh", "-c", "echo $CACHIFY_KEY"); r.out != "k\n" {
		t.Errorf("got %q", r.out)
	}
}

// A call inside another one has variables of its own.
func TestNested(t *testing.T) {
	h := newHost(t)
	show := "echo $CACHIFY_KEY; env | grep -c ^CACHIFY_"
	if r := h.run("lock", "a", "--", program, "lock", "b", "--", "sh", "-c", show); r.out != "b\n4\n" { // CACHIFY_STORE, too
		t.Errorf("got %+v", r)
	}
	if r := h.run("lock", "a", "--", program, "cached", "c", "--ttl", "1m", "--", "sh", "-c", show); r.out != "c\n2\n" {
		t.Errorf("got %+v", r)
	}
	h.want(h.run("lock", "a", "--", program, "lock", "a", "--", "true"), 75, "a is held by pid ")
}

// The command stands between the caller and the child, and does not show.
func TestChildHasTheCallersFiles(t *testing.T) {
	h := newHost(t)
	cmd := h.command("lock", "k", "--", "sh", "-c", "cat; echo to stderr >&2")
	cmd.Stdin = strings.NewReader("from stdin\n")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "from stdin\nto stderr\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestHeld(t *testing.T) {
	h := newHost(t)
	holder := h.hold("lock", "k")
	h.want(h.run("lock", "k", "--", "true"), 75, "cachify: k is held by pid ")
	h.want(h.run("lock", "k", "-E", "9", "--", "true"), 9, "k is held by pid ")
	h.want(h.run("lock", "k", "-E", "0", "--", "true"), 0, "k is held by pid ")
	h.want(h.run("lock", "k", "-w", "0", "--", "true"), 75, "k is held by pid ")
	h.want(h.run("lock", "k", "-w", "50ms", "--", "true"), 124, "(waited ")
	h.want(h.run("lock", "k", "-w0.05", "--", "true"), 124, "(waited ")
	h.want(h.run("lock", "k", "--wait=0.05", "-E", "9", "--", "true"), 9, "(waited ")
	h.want(h.run("lock", "other", "--", "true"), 0, "")
	h.want(h.run("once", "k", "--", "true"), 0, "") // another name space
	h.want(holder.finish(), 0, "")
	h.want(h.run("lock", "k", "--", "true"), 0, "")
}

func TestWaitsUntilItIsFree(t *testing.T) {
	for _, wait := range [][]string{{"-w"}, {"--wait"}, {"-w", "1m"}, {"-w60"}, {"-w=1m"}, {"--wait", "60"}} {
		h := newHost(t)
		holder := h.hold("lock", "k")
		waiter := h.start(append(append([]string{"lock", "k"}, wait...), "--", "echo", "in")...)
		h.waiting("k", 1)
		h.want(holder.finish(), 0, "")
		waiter.expect("in")
		h.want(waiter.end(), 0, "")
	}
}

func TestOnce(t *testing.T) {
	h := newHost(t)
	holder := h.hold("once", "k")
	h.want(h.run("once", "k", "--", "echo", "ran"), 0, "")
	if r := h.run("once", "k", "--", "echo", "ran"); r.out != "" {
		t.Errorf("it ran: %q", r.out)
	}
	h.want(h.run("once", "k", "--error-if-running", "--", "true"), 75, "k is held by pid ")
	h.want(h.run("once", "k", "--error-if-running", "-E", "8", "--", "true"), 8, "k is held by pid ")
	h.want(h.run("once", "k", "-E", "8", "--", "true"), 8, "k is held by pid ")
	h.want(holder.finish(), 0, "")
	if r := h.run("once", "k", "--min-hold", "1m", "--", "echo", "ran"); r.out != "ran\n" {
		t.Errorf("it did not run: %q", r.err)
	}
	if r := h.run("once", "k", "--", "echo", "ran"); r.out != "" {
		t.Errorf("it ran within its minimum hold: %q", r.out)
	}
}

func TestPool(t *testing.T) {
	h := newHost(t)
	first := h.hold("pool", "k", "--max", "3", "--slots", "2")
	second := h.hold("pool", "k", "--max", "3")
	h.want(h.run("pool", "k", "--max", "3", "--", "true"), 75, "k is full: all of its 3 slots are taken, by pid ")
	h.want(h.run("pool", "k", "--max", "3", "-w", "50ms", "--", "true"), 124, "k is full")
	h.want(h.run("pool", "k", "--max", "4", "--", "true"), 64, "used with size 3 by others")
	h.want(second.finish(), 0, "")
	h.want(h.run("pool", "k", "--max", "3", "--", "true"), 0, "")
	h.want(first.finish(), 0, "")
}

func TestUsage(t *testing.T) {
	h := newHost(t)
	for _, c := range []struct{ args, says string }{
		{"lock", "there is no command; write: cachify lock KEY [flags] -- CMD [ARG...]"},
		{"lock k", "there is no command; write: cachify lock KEY"},
		{"lock k ls", `there is no "--" before the command; write: cachify lock k -- ls`},
		{"lock k ls -l", `stands behind "--": cachify lock KEY`},
		{"lock k --", `no command behind "--"; write: cachify lock KEY`},
		{"lock -- ls", "there is no key; write: cachify lock KEY"},
		{"lock -w 5 -- ls", "there is no key"}, // a number is the time
		{"lock a b -- ls", `one key, not 2: "b" is too much`},
		{"lock k -w 5x -- ls", `one key, not 2: "5x" is too much`},
		{"lock k --wait=5x -- ls", "it must be a time like 30s"},
		{"lock k --wait=-1s -- ls", "it must be a time like 30s"},
		{"lock k -x 0 -- ls", "it must be from 1ms to 100 years"},
		{"lock k -x -- ls", "it must be a time like"},
		{"lock k -E 256 -- ls", "an exit code is a number from 0 to 255"},
		{"lock k --min-hold 1m -x 30s -- ls", "--min-hold of 1m0s: it must not be longer than --expiry, 30s"},
		{"lock k --bogus -- ls", "unknown flag: --bogus"},
		{"once k -w -- ls", "unknown shorthand flag: 'w'"},
		{"pool k -- ls", "--max is missing"},
		{"pool k --max 0 -- ls", "--max of 0: it must be from 1"},
		{"pool k --max 2 --slots 3 -- ls", "--slots of 3: it must be from 1 to --max, 2"},
		{"cached k -- ls", "--ttl is missing"},
		{"release", "there is no key"},
		{"release a b", "one key, not 2"},
		{"release --lock --pool a", "only one of --lock, --once and --pool"},
		{"reset", "there is no key"},
		{"frobnicate", `unknown command "frobnicate"`},
	} {
		h.want(h.run(strings.Fields(c.args)...), 64, c.says)
	}
	if r := h.run(); r.code != 64 || !strings.Contains(r.err, "Run a command:") || r.out != "" {
		t.Errorf("without arguments: %+v", r)
	}
}

// What stands behind "--" is the child's, whatever it looks like.
func TestParsingStops(t *testing.T) {
	h := newHost(t)
	r := h.run("lock", "k", "--wait", "--", "echo", "-w", "5", "--", "--help", "-x")
	h.want(r, 0, "")
	if r.out != "-w 5 -- --help -x\n" {
		t.Errorf("got %q", r.out)
	}
}

// Each command has a help with an example, which the command itself accepts.
func TestHelp(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"lock", "once", "pool", "cached", "ls", "release", "reset", "doctor", "version"} {
		r := h.run(name, "--help")
		h.want(r, 0, "")
		_, rest, ok := strings.Cut(r.out, "Examples:\n")
		if !ok || !strings.HasPrefix(rest, "  cachify "+name) {
			t.Errorf("%s: no example in %q", name, r.out)
			continue
		}
		line, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
		args := strings.Fields(line)[1:]
		for i, arg := range args {
			if arg == "--" {
				args = append(args[:i+1:i+1], "true")
				break
			}
		}
		if name != "doctor" { // whose example needs a server
			h.want(h.run(args...), 0, "")
		}
	}
}
