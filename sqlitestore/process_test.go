package sqlitestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/sqlitestore"
)

// What another process of this program gets to know by its environment.
const (
	roleVariable = "SQLITESTORE_TEST_ROLE"
	pathVariable = "SQLITESTORE_TEST_PATH"
	argsVariable = "SQLITESTORE_TEST_ARGS"
)

// role is what another process does, until it is done or its input ends.
type role func(ctx context.Context, path string, args []string) error

// with is the role of one that uses a store.
func with(do func(context.Context, *sqlitestore.Store, []string) error) role {
	return func(ctx context.Context, path string, args []string) error {
		store, err := sqlitestore.New(ctx, sqlitestore.Options{Path: path})
		if err != nil {
			return err
		}
		return do(ctx, store, args)
	}
}

// play is the main function of another process.
func play(name string) int {
	go func() { // so that it does not outlive the test
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	do, ok := roles[name]
	if !ok {
		panic("no role " + name)
	}
	if err := do(context.Background(), os.Getenv(pathVariable), strings.Fields(os.Getenv(argsVariable))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is another process of this program.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	input io.Closer
	lines chan string // of its output
	once  sync.Once
}

// start starts a process in a role on the file at path.
func start(t testing.TB, role, path string, args ...any) *process {
	t.Helper()
	return launch(t, command(t, role, path, args...))
}

func command(t testing.TB, role, path string, args ...any) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), exe)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, pathVariable+"="+path,
		argsVariable+"="+strings.TrimSpace(fmt.Sprintln(args...)))
	cmd.Stderr = os.Stderr
	return cmd
}

func launch(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, lines: make(chan string, 100_000)}
	var err error
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(p.kill)
	return p
}

// line waits for the next line of the process' output.
func (p *process) line() string {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.t.Fatal("a process has ended before its time")
		}
		return line
	case <-time.After(time.Minute):
		p.t.Fatal("a process says nothing")
	}
	return ""
}

// kill ends the process as nothing else does, and returns when it is gone.
func (p *process) kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill()
		for range p.lines { // until it has closed its end
		}
		_ = p.cmd.Wait()
		_ = p.input.Close()
	})
}

// wait waits until the process has done what it had to, without an error.
func (p *process) wait() {
	p.t.Helper()
	p.once.Do(func() {
		for range p.lines {
		}
		if err := p.cmd.Wait(); err != nil {
			p.t.Errorf("a process failed: %v", err)
		}
		_ = p.input.Close()
	})
}

// open returns a store on the file at path.
func open(t testing.TB, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.New(context.Background(), sqlitestore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// prefix is what an instance puts before its keys.
const prefix = cachify.DefaultPrefix

// instance returns a cachify on store whose waiters look so seldom that only a push
// helps them.
func instance(store driver.Store) (*cachify.Cachify, error) {
	return cachify.New(store, &cachify.Config{LockPollInterval: time.Hour})
}

// eventually asks until is says yes.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// request is one for name as a lock.
func request(c *driver.Client, name string) driver.AcquireRequest {
	return driver.AcquireRequest{Name: name, Holder: c.NewHolder(), Limit: 1, Slots: 1, TTL: 10 * time.Minute}
}

// isSound checks the file with the engine's own means.
func isSound(t testing.TB, path string) {
	t.Helper()
	if err := sound(path); err != nil {
		t.Error(err)
	}
}

func sound(path string) (err error) {
	db, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READWRITE)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.BusyTimeout(10 * time.Second); err != nil {
		return err
	}
	s, _, err := db.Prepare("PRAGMA integrity_check")
	if err != nil {
		return err
	}
	said := ""
	for s.Step() {
		said += s.ColumnText(0)
	}
	if err := s.Close(); err != nil {
		return err
	}
	if said != "ok" {
		return fmt.Errorf("integrity_check: %s", said)
	}
	return nil
}
