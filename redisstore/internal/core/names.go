package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-cachify/cachify/driver"
)

// scanCount is how many keys the server looks at for one step of a scan.
const scanCount = "1000"

// Names returns, in order, the names that begin with prefix and that somebody
// holds or waits for. Of names that a foreign program holds it knows those that
// py-cachify has locked; any other value may be somebody's data.
//
// It goes through all keys of the database, without blocking the server for long:
// something for a person, not for each request.
func (s *Store) Names(ctx context.Context, prefix string, limit int) ([]string, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, fmt.Errorf("%w: a limit of %d names: it must be positive", driver.ErrInvalid, limit)
	}
	found, err := guarded(ctx, func() (*names, error) {
		found := &names{prefix: prefix, known: make(map[string]bool)}
		return found, s.client.EachMaster(ctx, func(ctx context.Context, server Conn) error {
			return s.scan(ctx, server, found)
		})
	})
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	all := slices.Sorted(maps.Keys(found.known))
	return all[:min(limit, len(all))], nil
}

// names are those found so far, with a prefix.
type names struct {
	prefix string

	mu    sync.Mutex
	known map[string]bool
}

func (n *names) add(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[name] = true
}

func (n *names) has(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.known[name]
}

// scan adds the names on one server to found.
func (s *Store) scan(ctx context.Context, server Conn, found *names) error {
	pattern := "*" + globEscaper.Replace(found.prefix) + "*" // the keys beside a name have it inside
	for cursor := "0"; ; {
		reply, err := server.Do(ctx, Command{Name: "SCAN", Args: []string{cursor, "MATCH", pattern, "COUNT", scanCount}})
		if err != nil {
			return err
		}
		step := newList(reply)
		cursor = step.string()
		keys := newList(step.next())
		var maybe []string
		for keys.more() {
			key := keys.string()
			if name, ok := nameOfLine(key); ok && strings.HasPrefix(name, found.prefix) {
				found.add(name) // a line is there as long as it has somebody in it
			} else if strings.HasPrefix(key, found.prefix) && !found.has(key) {
				maybe = append(maybe, key)
			}
		}
		if err := errors.Join(step.err, keys.err); err != nil {
			return fmt.Errorf("a reply that is not understood: %w", err)
		}
		if err := s.addLocks(ctx, maybe, found); err != nil {
			return err
		}
		if cursor == "0" {
			return nil
		}
	}
}

// addLocks adds those keys to found that are locks, by how their values begin.
func (s *Store) addLocks(ctx context.Context, keys []string, found *names) error {
	if len(keys) == 0 {
		return nil
	}
	reads := make([]Command, len(keys))
	for i, key := range keys {
		reads[i] = Command{Name: "GETRANGE", Key: key, Args: []string{"0", strconv.Itoa(len(lockSign) - 1)}}
	}
	for i, r := range s.client.DoAll(ctx, reads) {
		if r.Err != nil && !s.client.IsReply(r.Err) {
			return r.Err
		}
		if start := r.Reply.Text; start == lockSign || isPythonLock(start) { // a key that is no string is an error, and no lock
			found.add(keys[i])
		}
	}
	return nil
}

// lockSign is how the value of a lock begins; the scripts know it as MARK.
const lockSign = "\x80\x02U\x28cachify1"

// isPythonLock reports whether value is the pickle of 1, in any protocol.
func isPythonLock(value string) bool {
	switch value {
	case "I1\n.", "K\x01.":
		return true
	}
	return len(value) == 5 && value[0] == 0x80 && value[2:] == "K\x01."
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)
