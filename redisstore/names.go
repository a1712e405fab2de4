package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
)

// scanCount is how many keys the server looks at for one step of a scan.
const scanCount = 1000

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
	found := make(map[string]bool)
	for _, node := range s.client.Nodes() {
		if err := s.scan(ctx, node, prefix, found); err != nil {
			return nil, s.failure(ctx, err)
		}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names[:min(limit, len(names))], nil
}

// scan adds the names on one node to found.
func (s *Store) scan(ctx context.Context, node rueidis.Client, prefix string, found map[string]bool) error {
	pattern := "*" + globEscaper.Replace(prefix) + "*" // the keys beside a name have it inside
	for cursor := uint64(0); ; {
		step, err := node.Do(undated{ctx},
			node.B().Scan().Cursor(cursor).Match(pattern).Count(scanCount).Build()).AsScanEntry()
		if err != nil {
			return err
		}
		var maybe []string
		for _, key := range step.Elements {
			if name, ok := nameOfLine(key); ok && strings.HasPrefix(name, prefix) {
				found[name] = true // a line is there as long as it has somebody in it
			} else if strings.HasPrefix(key, prefix) && !found[key] {
				maybe = append(maybe, key)
			}
		}
		if err := s.addLocks(ctx, maybe, found); err != nil {
			return err
		}
		if cursor = step.Cursor; cursor == 0 {
			return nil
		}
	}
}

// addLocks adds those keys to found that are locks, by how their values begin.
func (s *Store) addLocks(ctx context.Context, keys []string, found map[string]bool) error {
	if len(keys) == 0 {
		return nil
	}
	reads := make([]rueidis.Completed, len(keys))
	for i, key := range keys {
		reads[i] = s.client.B().Getrange().Key(key).Start(0).End(int64(len(lockSign)) - 1).Build()
	}
	for i, reply := range s.client.DoMulti(undated{ctx}, reads...) {
		start, err := reply.ToString()
		if _, isReply := rueidis.IsRedisErr(err); err != nil && !isReply {
			return err
		}
		if start == lockSign || isPythonLock(start) { // a key that is no string is an error, and no lock
			found[keys[i]] = true
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
