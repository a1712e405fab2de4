package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Stage is where a demo plays.
type Stage struct {
	// Command makes the call of a worker, which has to run [Worker.Run] with its
	// stdin and stdout.
	Command func(ctx context.Context, w Worker) *exec.Cmd

	// Progress is called for each event, if it is not nil.
	Progress func(e Event)
}

// cast are the names of the workers. The one in the middle is killed.
var cast = []string{"A", "B", "C", "D", "E"}

const victim = "C"

// Play starts the workers, kills one, and returns what happened. It returns when all
// have ended and their files are gone, also if outer ends.
func (s Stage) Play(outer context.Context) (history []Event, err error) {
	dir, err := os.MkdirTemp("", "cachify-demo-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// One pipe for all: the order in which they write is that in which it happened.
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }()
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	t := &troupe{stage: s, to: to, procs: map[string]*actor{}, cancel: cancel}
	for _, name := range cast {
		w := Worker{Name: name, Store: filepath.Join(dir, "demo.db"), Stay: name == victim}
		if err = t.start(ctx, w); err != nil {
			cancel()
			break
		}
	}
	go t.ended()
	history = t.watch(from)
	return history, errors.Join(err, t.failures(), outer.Err())
}

// troupe are the workers that run.
type troupe struct {
	stage  Stage
	to     *os.File // the pipe's end to write to
	procs  map[string]*actor
	wg     sync.WaitGroup
	cancel func()

	mu   sync.Mutex
	errs []error
}

// actor is the process of a worker.
type actor struct {
	*exec.Cmd
	name   string
	alive  io.Closer // ends the worker when it is closed, also because we were killed
	said   strings.Builder
	doomed chan struct{} // closed before it is killed on purpose
}

func (t *troupe) start(ctx context.Context, w Worker) error {
	a := &actor{Cmd: t.stage.Command(ctx, w), name: w.Name, doomed: make(chan struct{})}
	var err error
	if a.alive, err = a.StdinPipe(); err != nil {
		return err
	}
	a.Stdout, a.Stderr = t.to, &a.said
	if err := a.Start(); err != nil {
		return err
	}
	t.procs[w.Name] = a
	t.wg.Go(func() { t.wait(a) })
	return nil
}

// wait waits for the end of a worker.
func (t *troupe) wait(a *actor) {
	err := a.Wait()
	_ = a.alive.Close()
	select {
	case <-a.doomed:
		// It can write nothing any more: from here on it holds nothing.
		line, _ := json.Marshal(Event{Worker: a.name, Kind: Killed}) //nolint:errchkjson // it is plain strings
		_, _ = t.to.Write(append(line, '\n'))
	default:
		if err != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.errs = append(t.errs, fmt.Errorf("worker %s: %w: %s", a.name, err, strings.TrimSpace(a.said.String())))
			t.cancel() // the others would play on for nothing
		}
	}
}

// ended closes the pipe when nobody writes any more.
func (t *troupe) ended() {
	t.wg.Wait()
	_ = t.to.Close()
}

func (t *troupe) failures() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.errs...)
}

// watch reads what the workers write, until all have ended, and kills the victim when
// it holds the lock for the second time.
func (t *troupe) watch(from io.Reader) (history []Event) {
	begun := time.Now()
	held := 0
	for lines := bufio.NewScanner(from); lines.Scan(); {
		e := Event{}
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // not a worker's: the runtime, or a library, has said something
		}
		if len(history) == 0 {
			begun = time.Now()
		}
		e.At = time.Since(begun)
		history = append(history, e)
		if t.stage.Progress != nil {
			t.stage.Progress(e)
		}
		if e.Worker == victim && e.Kind == In && e.What == Lock {
			if held++; held == 2 {
				time.AfterFunc(inLock, func() { t.kill(victim) })
			}
		}
	}
	return history
}

// kill is kill -9.
func (t *troupe) kill(name string) {
	a := t.procs[name]
	close(a.doomed)
	_ = a.Process.Kill() // it is there: it stays for longer
}
