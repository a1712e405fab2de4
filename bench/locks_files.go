package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/sqlitestore"
)

const aboutFiles = "A lock by flock has no expiry, no fence, no queue, and nobody can see who holds it; the kernel keeps it until it is " +
	"unlocked or the process ends. cachify's file is on disk, and what is committed survives a kill -9. "

// filePeer is a way for several processes of a machine to lock.
type filePeer struct {
	name   string
	kind   kind
	module string
	// open is called in each process. lock waits.
	open func(l *lab, dir string) (lock func(key string) (unlock func() error, err error))
}

var filePeers = []*filePeer{
	{"cachify", ours, "", openSQLite},
	{"flock, the system call", limit, "", openSystemFlock},
	{"gofrs/flock", peer, "github.com/gofrs/flock", openGofrs},
}

func filePeerOf(name string) *filePeer {
	for _, p := range filePeers {
		if p.name == name {
			return p
		}
	}
	return nil
}

func openSQLite(l *lab, dir string) func(string) (func() error, error) {
	c := l.onSQLite(dir)
	return func(key string) (func() error, error) {
		ctx := context.Background()
		lease, err := c.Lock(key, cachify.Wait(cachify.Forever)).Acquire(ctx)
		if err != nil {
			return nil, err
		}
		return func() error { return lease.Release(ctx) }, nil
	}
}

func (l *lab) onSQLite(dir string) *cachify.Cachify {
	store, err := sqlitestore.New(l.ctx, sqlitestore.Options{Path: filepath.Join(dir, "cachify.db")})
	l.must(err)
	l.atEnd(func() { _ = store.Close() })
	c, err := cachify.New(store, nil)
	l.must(err)
	l.atEnd(func() { _ = c.Close(context.Background()) })
	return c
}

// openSystemFlock keeps the file open between two locks, which is as fast as it can be.
func openSystemFlock(l *lab, dir string) func(string) (func() error, error) {
	files := make(map[string]*os.File)
	l.atEnd(func() {
		for _, f := range files {
			_ = f.Close()
		}
	})
	return func(key string) (func() error, error) {
		f := files[key]
		if f == nil {
			var err error
			if f, err = os.OpenFile(filepath.Join(dir, key), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
				return nil, err
			}
			files[key] = f
		}
		fd := int(f.Fd())
		if err := retried(func() error { return syscall.Flock(fd, syscall.LOCK_EX) }); err != nil {
			return nil, err
		}
		return func() error { return syscall.Flock(fd, syscall.LOCK_UN) }, nil
	}
}

// retried calls f again when a signal came in between.
func retried(f func() error) error {
	for {
		if err := f(); err != syscall.EINTR { //nolint:errorlint // a system call wraps nothing
			return err
		}
	}
}

func openGofrs(_ *lab, dir string) func(string) (func() error, error) {
	return func(key string) (func() error, error) {
		f := flock.New(filepath.Join(dir, key))
		if err := f.Lock(); err != nil {
			return nil, err
		}
		return f.Unlock, nil
	}
}

// locking is the role of a process that locks. Its argument: directory and peer. It is
// asked "pairs KEY MILLISECONDS" or "hold KEY", which waits, and "let go".
func locking(l *lab, argument string) func(string) any {
	dir, name, _ := strings.Cut(argument, " ")
	p := filePeerOf(name)
	if p == nil {
		l.fail("there is no %q", name)
	}
	lock := p.open(l, dir)
	var unlock func() error
	return func(request string) any {
		words := strings.Fields(request)
		switch words[0] {
		case "pairs":
			return lockPairs(l, lock, words[1], time.Duration(atoi(words[2]))*time.Millisecond)
		case "hold":
			var err error
			unlock, err = lock(words[1])
			at := time.Now().UnixNano() // two processes have no other clock in common
			l.must(err)
			return at
		case "let":
			l.must(unlock())
			return nil
		}
		l.fail("what is %q?", request)
		return nil
	}
}

type lockedPairs struct {
	PerSecond float64
	Took      []float64 // µs
}

func lockPairs(l *lab, lock func(string) (func() error, error), key string, length time.Duration) lockedPairs {
	r := lockedPairs{Took: make([]float64, 0, 1<<16)}
	begin := time.Now()
	for now := begin; now.Sub(begin) < length || len(r.Took) == 0; {
		unlock, err := lock(key)
		l.must(err)
		l.must(unlock())
		end := time.Now()
		r.Took = append(r.Took, micros(end.Sub(now)))
		now = end
	}
	r.PerSecond = float64(len(r.Took)) / time.Since(begin).Seconds()
	return r
}

// filePairs is acquire and release in so many processes, each with a key of its own or
// all with one.
func filePairs(processes int, oneKey bool) func(l *lab) *Group {
	return func(l *lab) *Group {
		g := &Group{
			Section: sectionFiles, Title: "Own keys, " + plural(processes, "process"),
			About: aboutFiles, What: "acquire + release", Unit: "pairs/s", More: true, Subject: "cachify",
			Columns: []Column{{Key: "p50", Title: "a pair, p50", Unit: "µs"}, {Key: "p99", Title: "p99", Unit: "µs"}},
		}
		if oneKey {
			g.Title = "One key, " + plural(processes, "process")
			g.About += "Each process waits for the key, and releases it at once. By flock the process that runs takes it again and again, while the others wait; cachify serves them in order."
		}
		var all []contestant
		for _, p := range filePeers {
			crowd := l.children(processes, "locking", l.dir()+" "+p.name)
			all = append(all, contestant{p.name, p.kind, p.module, func() sample {
				length := l.long(400 * time.Millisecond).Milliseconds()
				for i, c := range crowd {
					if oneKey {
						i = 0
					}
					l.must(c.tell(fmt.Sprintf("pairs key-%d %d", i, length)))
				}
				sum, took := 0.0, []float64(nil)
				for _, c := range crowd {
					var r lockedPairs
					l.must(c.hear(&r))
					sum += r.PerSecond
					took = append(took, r.Took...)
				}
				return sample{sum, map[string]float64{"p50": median(took), "p99": percentile(took, 99)}}
			}})
		}
		return l.inTurn(g, 5, all)
	}
}

// fileHandOver is the time from the moment at which the holder begins to release until
// the waiter, another process, has the lock.
func fileHandOver(l *lab) *Group {
	g := &Group{
		Section: sectionFiles, Title: "Hand-over to one waiter in another process",
		About: aboutFiles + "From the moment at which the holder begins to release, until the waiter has the lock.",
		What:  "p50", Unit: "µs", Subject: "cachify", Columns: percentiles,
	}
	var all []contestant
	for _, p := range filePeers {
		dir := l.dir()
		lock := p.open(l, dir)
		waiter := l.children(1, "locking", dir+" "+p.name)[0]
		all = append(all, contestant{p.name, p.kind, p.module, func() sample {
			took := make([]time.Duration, l.times(30))
			for i := range took {
				unlock, err := lock("handed-over")
				l.must(err)
				l.must(waiter.tell("hold handed-over"))
				l.pause(10 * time.Millisecond) // until it waits
				start := time.Now().UnixNano()
				l.must(unlock())
				var at int64
				l.must(waiter.hear(&at))
				took[i] = time.Duration(at - start)
				l.must(waiter.tell("let go"))
				l.must(waiter.hear(nil))
			}
			return latencies(took)
		}})
	}
	return l.inTurn(g, 11, all)
}

// commandStart is a whole command: start, lock, run true, release, end.
func commandStart(l *lab) *Group {
	dir := l.dir()
	binary := filepath.Join(dir, "cachify")
	build := exec.CommandContext(l.ctx, "go", "build", "-ldflags=-s -w", "-o", binary, "github.com/go-cachify/cachify/cmd/cachify")
	if out, err := build.CombinedOutput(); err != nil {
		l.fail("building the command: %w\n%s", err, out)
	}
	info, err := os.Stat(binary)
	l.must(err)
	store := "--store=sqlite:" + filepath.Join(dir, "cachify.db")
	g := &Group{
		Section: sectionFiles, Title: "The command, from start to end",
		About: fmt.Sprintf("`cachify lock k -- true` beside `flock k true`: start, lock, run true, release, end. "+
			"The binary, without symbols, has %s MB.", number(float64(info.Size())/1e6)),
		What: "a run", Unit: "ms", Subject: "cachify lock k -- true",
	}
	command := func(args ...string) func() sample {
		path, err := exec.LookPath(args[0])
		if err != nil {
			l.fail("%s is needed to compare with: %w", args[0], err)
		}
		once := func() sample {
			cmd := exec.CommandContext(l.ctx, path, args[1:]...)
			start := time.Now()
			l.must(cmd.Run())
			return sample{value: time.Since(start).Seconds() * 1000}
		}
		once() // makes the file
		return once
	}
	return l.inTurn(g, 60, []contestant{
		{"cachify lock k -- true", ours, "", command(binary, "lock", store, "k", "--", "true")},
		{"flock k true", peer, "command flock", command("flock", filepath.Join(dir, "k"), "true")},
		{"true", limit, "", command("true")},
	})
}
