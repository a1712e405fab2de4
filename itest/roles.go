package itest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
	"github.com/go-cachify/cachify/itest/internal/resource"
	"github.com/go-cachify/cachify/itest/internal/seamlog"
	"github.com/go-cachify/cachify/itest/internal/wallclock"
	"github.com/go-cachify/cachify/itest/internal/workload"
)

// The roles of processes that this program starts of itself.
const (
	roleRun      = "run"      // directs the run, under the one that the user started
	roleClient   = "client"   // uses the store
	roleResource = "resource" // is guarded
	roleSweep    = "sweep"    // looks what is left behind
)

// shiftLine, with seconds behind it, is what a client is told to set its wall clock.
const shiftLine = "shift "

// beginLine, with the time on the machine's monotonic clock behind it, is what clients
// are told when all are ready.
const beginLine = "begin "

// pollInterval is the instances' LockPollInterval.
const pollInterval = 100 * time.Millisecond

// clientConfig is what a client process is to do.
type clientConfig struct {
	Engine string
	URL    string
	Seed   int64
	Prefix string
	Socket string        // of the resource
	Start  time.Duration // of the round, on the machine's monotonic clock; 0: it will be told
	End    time.Duration // and its end
	Length time.Duration // what is between them
	Shift  time.Duration // of the wall clock, from the start

	Names   []string // of the clients in it
	Files   []string // their histories
	Workers int      // of each

	Sweep []string // the files whose names are looked at in the end; nil: none is
}

// resourceConfig is where the resource listens, and writes.
type resourceConfig struct{ Socket, File string }

// play is the main function of a process in a role.
func play(engines []Engine, role, config string) (err error) {
	switch role {
	case roleRun:
		var c options
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			return err
		}
		return direct(engines, c)
	case roleClient, roleSweep:
		var c clientConfig
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			return err
		}
		e, ok := engineNamed(engines, c.Engine)
		if !ok {
			return fmt.Errorf("no engine %q", c.Engine)
		}
		if role == roleSweep {
			return sweep(e, c)
		}
		return beClient(e, c)
	case roleResource:
		var c resourceConfig
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			return err
		}
		return beResource(c)
	}
	return fmt.Errorf("no role %q", role)
}

func beResource(c resourceConfig) (err error) {
	file, err := history.Create(c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", c.Socket)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go listen(cancel, nil, nil)
	sayReady()
	return resource.NewServer(history.NewRecorder("resource", history.Monotonic, file)).Serve(ctx, l)
}

// sayReady tells who has started this process that it can be used.
func sayReady() { _, _ = os.Stdout.WriteString("ready\n") }

// listen does what it is told on its input, and calls finish when that ends.
func listen(finish func(), clock *wallclock.Clock, begin chan<- time.Duration) {
	defer finish()
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		if text, ok := strings.CutPrefix(s.Text(), beginLine); ok {
			if at, err := strconv.ParseInt(text, 10, 64); err == nil {
				begin <- time.Duration(at)
			}
			continue
		}
		text, ok := strings.CutPrefix(s.Text(), shiftLine)
		if seconds, err := strconv.Atoi(text); ok && err == nil && clock != nil {
			clock.Shift(time.Duration(seconds) * time.Second)
		}
	}
}

// beClient uses the store until it is time to end, or its input ends.
func beClient(e Engine, c clientConfig) (err error) {
	clock, err := wallclock.New()
	if err != nil && c.Shift != 0 {
		return err
	}
	if c.Shift != 0 {
		clock.Shift(c.Shift)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	begin := make(chan time.Duration, 1)
	go listen(cancel, clock, begin)

	store, err := open(ctx, e, c)
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, errOver) {
			return nil
		}
		return err
	}
	defer func() { err = errors.Join(err, closeStore(store)) }()
	sayReady()
	if c.Start == 0 {
		select {
		case c.Start = <-begin:
			c.End = c.Start + c.Length
		case <-ctx.Done():
		}
	}
	res := resource.Dial(c.Socket)
	defer res.Close()
	if err := c.work(ctx, store, res); err != nil {
		return err
	}
	if c.Sweep == nil {
		return nil
	}
	return c.look(store)
}

var errOver = errors.New("the time for it was over")

// open opens the store, again until that succeeds: the engine may be down.
func open(ctx context.Context, e Engine, c clientConfig) (driver.Store, error) {
	const pause = 50 * time.Millisecond
	for {
		store, err := e.Open(ctx, c.URL)
		switch {
		case err == nil:
			return store, nil
		case errors.Is(err, driver.ErrInvalid), ctx.Err() != nil:
			return nil, err
		case c.End != 0 && history.Monotonic() > c.End:
			return nil, fmt.Errorf("%w; %w", errOver, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func closeStore(s driver.Store) error {
	if c, ok := s.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// work is that of all clients in the process.
func (c clientConfig) work(ctx context.Context, store driver.Store, res workload.Resource) error {
	failures := make([]error, len(c.Names))
	var clients sync.WaitGroup
	for i := range c.Names {
		clients.Go(func() { failures[i] = c.workAs(ctx, i, store, res) })
	}
	clients.Wait()
	return errors.Join(failures...)
}

func (c clientConfig) workAs(ctx context.Context, i int, store driver.Store, res workload.Resource) (err error) {
	file, err := history.Create(c.Files[i])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	rec := history.NewRecorder(c.Names[i], history.Monotonic, file)
	instance, err := cachify.New(seamlog.New(store, rec), &cachify.Config{LockPollInterval: pollInterval, LockExpiration: maxExpiry})
	if err != nil {
		return err
	}
	for n := int64(1); err == nil; n++ {
		part, left := c.part()
		if left <= 0 {
			break
		}
		err = workload.Run(ctx, instance, rec, res, workload.Config{
			Seed: c.Seed + n, Client: c.Names[i], Prefix: part, Workers: c.Workers, Duration: left,
			MinExpiry: minExpiry, MaxExpiry: maxExpiry,
		})
		if ctx.Err() != nil {
			break
		}
	}
	closing, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	// Whatever the store says at the end is in the history.
	if closed := instance.Close(closing); errors.Is(closed, context.DeadlineExceeded) {
		err = errors.Join(err, closed)
	}
	return err
}

// partLength is for how long all clients use the same keys. Then they go on to others,
// so that no key's history gets too long to be checked.
const partLength = 3 * time.Second

// part returns what the keys begin with now, and for how long.
func (c clientConfig) part() (prefix string, left time.Duration) {
	now := history.Monotonic()
	past := now - c.Start
	end := min(now-past%partLength+partLength, c.End)
	return fmt.Sprintf("%s%d-", c.Prefix, past/partLength+1), end - now
}

// closeTime bounds how long an instance may take to close.
const closeTime = 30 * time.Second
