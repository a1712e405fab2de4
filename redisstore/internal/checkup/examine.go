package checkup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Interval is the time over which a server's clock is compared with the local one.
const Interval = 250 * time.Millisecond

// Patience is how long a server has to answer all that it is asked.
const Patience = 5 * time.Second

// ErrRefused is a server's answer that it will not tell. Any other error of a [Node]
// means that the server did not answer.
var ErrRefused = errors.New("refused")

// Node is one server.
type Node interface {
	// Info returns the reply to INFO.
	Info(ctx context.Context) (string, error)

	// Config returns the value that CONFIG GET tells for the parameter name.
	Config(ctx context.Context, name string) (string, error)

	// Time returns the reply to TIME.
	Time(ctx context.Context) (time.Time, error)

	// LastFence returns the largest fence that the server remembers, which is a time
	// in µs; 0 if it remembers none.
	LastFence(ctx context.Context) (int64, error)
}

// Examine examines the nodes, by their addresses, all at once. The error is that of
// a node if none of them answers in time, or the ctx's.
func Examine(ctx context.Context, nodes map[string]Node) ([]driver.Finding, error) {
	type result struct {
		chart *chart
		err   error
	}
	limited, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	addresses := slices.Sorted(maps.Keys(nodes))
	results := make([]chan result, len(addresses))
	for i, address := range addresses {
		results[i] = make(chan result, 1)
		go func() {
			c, err := read(limited, nodes[address])
			results[i] <- result{c, err}
		}()
	}
	var found []driver.Finding
	var failures []error
	for i, address := range addresses {
		if len(addresses) == 1 {
			address = ""
		}
		r := result{err: context.DeadlineExceeded}
		select {
		case r = <-results[i]:
		case <-limited.Done(): // a client that is connecting does not heed it
			select {
			case r = <-results[i]: // it has waited here for another's
			default:
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if r.err != nil {
			failures = append(failures, r.err)
			r.chart = &chart{silent: true}
		}
		found = append(found, r.chart.findings(address)...)
	}
	if len(failures) == len(addresses) {
		if len(failures) == 0 {
			return nil, errors.New("there is no server to examine")
		}
		return nil, failures[0]
	}
	return found, nil
}

// chart is what one server has told.
type chart struct {
	silent  bool              // it did not answer
	info    map[string]string // the fields of INFO
	config  map[string]string // the parameters of CONFIG GET that it has told
	refused []string          // the commands, other than CONFIG, that it refused
	first   reading           // of its clock
	last    reading           // Interval later
	fence   int64             // the last that it remembers, in µs; 0: none
}

// reading is what a clock showed at some moment between sent and received.
type reading struct {
	sent, received time.Time
	shown          time.Time
}

// settings are the parameters that INFO does not tell.
var settings = []string{"appendfsync", "save"}

// read asks a server all there is to ask.
func read(ctx context.Context, node Node) (*chart, error) {
	c := &chart{config: make(map[string]string)}
	ask := func(command string, question func() error) error {
		err := question()
		if errors.Is(err, ErrRefused) {
			c.refused = append(c.refused, command)
			return nil
		}
		return err
	}
	clock := func(r *reading) func() error {
		return func() (err error) {
			r.sent = time.Now()
			r.shown, err = node.Time(ctx)
			r.received = time.Now()
			return err
		}
	}
	info := func() error {
		text, err := node.Info(ctx)
		c.info = parseInfo(text)
		return err
	}
	fence := func() (err error) {
		c.fence, err = node.LastFence(ctx)
		return err
	}
	if err := ask("INFO", info); err != nil {
		return nil, err
	}
	if err := ask("GET", fence); err != nil {
		return nil, err
	}
	if err := ask("TIME", clock(&c.first)); err != nil { // later than the fence
		return nil, err
	}
	for _, name := range settings {
		value, err := node.Config(ctx, name)
		switch {
		case err == nil:
			c.config[name] = value
		case !errors.Is(err, ErrRefused):
			return nil, err
		}
	}
	if c.first.shown.IsZero() {
		return c, nil
	}
	select {
	case <-time.After(Interval - time.Since(c.first.received)):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return c, clock(&c.last)()
}

// parseInfo reads the lines "name:value" of INFO.
func parseInfo(text string) map[string]string {
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok && !strings.HasPrefix(name, "#") {
			fields[name] = value
		}
	}
	return fields
}

// findings says what is to be said about a server.
func (c *chart) findings(address string) []driver.Finding {
	var found []driver.Finding
	note := func(s driver.Severity, code, advice, format string, args ...any) {
		found = append(found, driver.Finding{
			Severity: s, Code: code, Node: address, Problem: fmt.Sprintf(format, args...), Advice: advice,
		})
	}
	for _, check := range checks {
		check(c, note)
	}
	return found
}

// note takes down one finding.
type note func(s driver.Severity, code, advice, format string, args ...any)

// checks are what is looked at, in the order of the report.
var checks = []func(*chart, note){
	checkReach, checkRole, checkEviction, checkRoom, checkPersistence, checkSync, checkDisk, checkReplicas, checkClock,
	checkFence, checkSkew, checkVersion,
}
