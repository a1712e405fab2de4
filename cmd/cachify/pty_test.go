//go:build linux

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
)

// screen is a terminal with a program on it.
type screen struct {
	*host
	cmd  *exec.Cmd
	tty  *os.File
	read chan struct{} // closed when nothing more comes

	mu   sync.Mutex
	text string
}

// show starts a program on a terminal, as the leader of its session.
func (h *host) show(cmd *exec.Cmd) *screen {
	h.Helper()
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 100})
	if err != nil {
		h.Fatal(err)
	}
	s := &screen{host: h, cmd: cmd, tty: tty, read: make(chan struct{})}
	go func() {
		defer close(s.read)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.text += string(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	h.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = tty.Close()
		<-s.read
	})
	return s
}

// shell starts an interactive shell.
func (h *host) shell() *screen {
	h.Helper()
	cmd := h.command()
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-i"}
	cmd.Env = append(cmd.Env, "PS1=prompt> ", "ENV=", "cachify="+program)
	s := h.show(cmd)
	s.expect("prompt> ")
	return s
}

// expect waits until the text is there, and takes all up to its end off the screen.
func (s *screen) expect(text string) (before string) {
	s.Helper()
	defer func() {
		if s.Failed() {
			s.Logf("on the screen: %q", s.left())
		}
	}()
	eventually(s, "the screen shows "+text, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		var after string
		var ok bool
		if before, after, ok = strings.Cut(s.text, text); ok {
			s.text = after
		}
		return ok
	})
	return before
}

func (s *screen) left() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text
}

func (s *screen) typed(keys string) {
	s.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.Fatal(err)
	}
}

// end waits for the end of the program.
func (s *screen) end() int {
	s.Helper()
	return s.code(s.cmd.Wait())
}

// The keys of a terminal.
const (
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

// Ctrl-C once reaches the child once, and the command leaves it to the child.
func TestCtrlCReachesTheChildOnce(t *testing.T) {
	h := newHost(t)
	s := h.show(h.command("lock", "k", "--", "sh", "-c",
		`trap 'echo "got $((n += 1))"' INT; echo ready; until test -e go; do :; done; echo "so $n"; exit 6`))
	s.expect("ready")
	s.typed(ctrlC)
	s.expect("got 1")
	s.typed(ctrlC)
	s.expect("got 2")
	h.write("go", "")
	s.expect("so 2")
	if code := s.end(); code != 6 {
		t.Errorf("it ended with %d", code)
	}
}

func TestChildDiesOfCtrlC(t *testing.T) {
	h := newHost(t)
	s := h.show(h.command("lock", "k", "--", "sh", "-c", "echo ready; read -r a"))
	s.expect("ready")
	s.typed(ctrlC)
	if code := s.end(); code != 130 {
		t.Errorf("it ended with %d", code)
	}
	h.want(h.run("lock", "k", "--", "true"), 0, "")
}

// The child is on the terminal as if it had been started there.
func TestChildHasTheTerminal(t *testing.T) {
	h := newHost(t)
	s := h.show(h.command("lock", "k", "--", "sh", "-c",
		`test -t 0 && test -t 1 && test -t 2 && ps -o stat= -p $$ && stty size && read -r line </dev/tty && echo "got $line"`))
	if before := s.expect("24 100"); !strings.Contains(before, "+") {
		t.Errorf("it is not in the foreground: %q", before)
	}
	s.typed("hello\n")
	s.expect("got hello")
	if code := s.end(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// While it waits it says in place for whom.
func TestWaitingLine(t *testing.T) {
	h := newHost(t)
	holder := h.hold("lock", "k", "-x", "20s")
	s := h.show(h.command("lock", "k", "--wait", "--", "echo", "in"))
	s.expect("\rcachify: waiting 0s for k: held by pid ")
	s.expect("its lease ends in ")
	s.expect("\x1b[K\rcachify: waiting 1s for k: held by pid ") // the same line
	h.want(holder.finish(), 0, "")
	if before := s.expect("in\r\n"); !strings.HasSuffix(before, "\r\x1b[K") {
		t.Errorf("the line was not cleared: %q", before)
	}
	if code := s.end(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

func TestCtrlCWhileWaiting(t *testing.T) {
	h := newHost(t)
	holder := h.hold("lock", "k")
	s := h.show(h.command("lock", "k", "--wait", "--", "echo", "in"))
	s.expect("waiting 0s for k")
	s.typed(ctrlC)
	if code := s.end(); code != 130 {
		t.Errorf("it ended with %d", code)
	}
	h.want(holder.finish(), 0, "")
}

// Under a shell with job control the command and its child stop and go on as one.
func TestJobControl(t *testing.T) {
	h := newHost(t)
	s := h.shell()
	s.typed("$cachify lock k -- sh -c 'echo re\"\"ady; read -r line; echo \"got $line\"'\n")
	s.expect("ready\r\n")
	s.typed(ctrlZ)
	s.expect("Stopped")
	s.expect("prompt> ")
	s.typed("fg\n")
	s.expect("sh -c") // the shell says what it continues
	s.typed("hello\n")
	s.expect("got hello")
	s.expect("prompt> ")
	s.typed("exit 0\n")
	if code := s.end(); code != 0 {
		t.Errorf("the shell ended with %d", code)
	}
}

// While the command is stopped all of its job is, also what does not mind Ctrl-Z: nobody
// would end it when the lease does.
func TestAllOfTheJobStops(t *testing.T) {
	h := newHost(t)
	s := h.shell()
	s.typed("$cachify lock k -x 2s -- sh -c '(trap \"\" TSTP; echo re\"\"ady; while :; do echo w >>work; sleep 0.01; done) & wait'\n")
	s.expect("ready\r\n")
	eventually(t, "it works", func() bool { return h.read("work") != "" })
	s.typed(ctrlZ)
	s.expect("Stopped")
	before := 0
	h.want(h.run("lock", "k", "-w", "--", "sh", "-c", "wc -l <work >before"), 0, "")
	if _, err := fmt.Sscan(h.read("before"), &before); err != nil {
		t.Fatal(err)
	}
	h.want(h.run("lock", "k", "--", "sleep", "0.2"), 0, "")
	if n := strings.Count(h.read("work"), "\n"); n != before {
		t.Errorf("it worked on while another held the lock: %d lines, then %d", before, n)
	}
	s.typed("fg\n")
	s.expect("the command was ended")
}

// A job in the background does not write over the shell's prompt.
func TestNoWaitingLineInTheBackground(t *testing.T) {
	h := newHost(t)
	holder := h.hold("lock", "k")
	s := h.shell()
	s.typed("$cachify lock k -w -- sh -c 'echo i\"\"n' &\n")
	h.waiting("k", 1)
	h.want(h.run("lock", "k", "-w", "300ms", "--", "true"), 124, "k is held")
	h.want(holder.finish(), 0, "")
	if before := s.expect("in\r\n"); strings.Contains(before, "waiting") {
		t.Errorf("got %q", before)
	}
}

// In a pipeline the others may want the terminal: the child gets it when it asks.
func TestPipelineOnATerminal(t *testing.T) {
	h := newHost(t)
	s := h.shell()
	s.typed("$cachify lock k -- sh -c 'echo re\"\"ady; read -r line </dev/tty; echo \"got $line\"' | cat\n")
	s.expect("ready\r\n")
	s.typed("hello\n")
	s.expect("got hello")
	s.expect("prompt> ")
	s.typed("$cachify lock k -- sh -c 'echo re\"\"ady; sleep 1000' | cat; echo \"status $?\"\n")
	s.expect("ready\r\n")
	s.typed(ctrlC)
	s.expect("prompt> ")
	h.want(h.run("lock", "k", "-w", "--", "true"), 0, "")
}

// Ctrl-C ends the script that the command is in, too.
func TestCtrlCEndsTheScript(t *testing.T) {
	h := newHost(t)
	h.write("script", "$cachify lock k -- sh -c 'echo ready; sleep 1000'\necho next\n")
	s := h.shell()
	s.typed("sh script\n")
	s.expect("ready")
	s.typed(ctrlC)
	if before := s.expect("prompt> "); strings.Contains(before, "next") {
		t.Errorf("the script went on: %q", before)
	}
	s.typed("echo status $?\n")
	s.expect("status 130")
}
