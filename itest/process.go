package itest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// roleArgument is the hidden first argument of a process that this program starts of
// itself. What it is and is to do follow, as JSON.
const roleArgument = "itest-role"

// starter starts processes, all from one thread that lives as long as this process: the
// system tells a child that its parent has died when that thread has.
type starter struct{ jobs chan func() }

func newStarter() *starter {
	s := &starter{make(chan func())}
	go func() {
		runtime.LockOSThread()
		for job := range s.jobs {
			job()
		}
	}()
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	result := make(chan error)
	s.jobs <- func() { result <- cmd.Start() }
	return <-result
}

// close ends the thread, and with it all processes that are left.
func (s *starter) close() { close(s.jobs) }

// process is another process of this program. Its methods may be called concurrently.
type process struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed when it has said so, or has ended
	done  chan struct{} // closed when it has ended
	err   error         // how; after done

	mu     sync.Mutex
	in     io.WriteCloser
	killed bool // by us
}

// spawn starts a process in a role. What it says on its error output goes to the file.
func (s *starter) spawn(role string, config any, errorsTo string) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), exe, roleArgument, role, string(text))
	dieWithParent(cmd)
	stderr, err := os.OpenFile(errorsTo, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stderr.Close() }()
	cmd.Stderr = stderr
	p := &process{cmd: cmd, ready: make(chan struct{}), done: make(chan struct{})}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.start(cmd); err != nil {
		return nil, err
	}
	go p.follow(out)
	return p, nil
}

// follow reads what the process says until it ends: one line, when it is ready.
func (p *process) follow(out io.Reader) {
	r := bufio.NewReader(out)
	_, _ = r.ReadString('\n')
	close(p.ready)
	_, _ = io.Copy(io.Discard, r)
	p.err = p.cmd.Wait()
	close(p.done)
}

// tell writes a line to the process' input.
func (p *process) tell(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.in, line+"\n") // one that has ended needs to be told nothing
}

// finish tells the process to come to an end.
func (p *process) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.in.Close()
}

// signal sends a signal, unless the process has ended.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill kills the process, stopped or not, and returns when it is gone.
func (p *process) kill() {
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	p.signal(syscall.SIGKILL)
	<-p.done
}

// failure is why the process ended, other than that it was done or was killed by us.
func (p *process) failure() error {
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return nil
	}
	return p.err
}

// errStuck is the end of a process that did not end by itself.
var errStuck = errors.New("it did not end, and was made to show its goroutines and killed")

// await waits until the process ends; one that takes too long is ended.
func (p *process) await(limit time.Duration) error {
	select {
	case <-p.done:
		return p.failure()
	case <-time.After(limit):
	}
	p.signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
	}
	p.kill()
	return fmt.Errorf("%w after %v", errStuck, limit)
}
