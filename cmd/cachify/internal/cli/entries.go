package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
	"github.com/go-cachify/cachify/driver"
)

// entry is one thing that is held or waited for, for programs: what "ls" and "show"
// write with --json. The names of the fields stay.
type entry struct {
	Name    string   `json:"name"`    // in the store
	Key     string   `json:"key"`     // as the commands take it
	Kind    string   `json:"kind"`    // lock, once or pool, as far as the name tells
	Slots   int      `json:"slots"`   // that there are; 1 unless it is a pool
	Used    int      `json:"used"`    // of them
	Waiting int      `json:"waiting"` // requests in the queue
	Holders []holder `json:"holders"` // longest first; may be empty
}

// holder is one lease, for programs.
type holder struct {
	ID      string `json:"id"`
	Host    string `json:"host,omitempty"`
	PID     string `json:"pid,omitempty"`
	Fence   uint64 `json:"fence"` // 0: there is none
	Slots   int    `json:"slots"`
	AgeMS   int64  `json:"age_ms"`  // 0: not known
	LeftMS  *int64 `json:"left_ms"` // null: it has no end
	Foreign bool   `json:"foreign"` // it is held by a program that is not cachify
}

// left is the time until the lease ends.
func (h holder) left() time.Duration {
	if h.LeftMS == nil {
		return cachify.NoExpiry
	}
	return time.Duration(*h.LeftMS) * time.Millisecond
}

// kinds are what a key can be, with what the library puts behind it in the store. A
// lock has nothing there, so it is what all other names are.
var kinds = []struct{ kind, suffix string }{
	{"once", "-once"}, {"pool", "-pool"}, {"lock", ""},
}

// newEntry makes an entry of what the store says of a name, which begins with prefix.
func newEntry(prefix, name string, o driver.Occupancy) entry {
	e := entry{Name: name, Slots: o.Limit, Used: o.Slots(), Waiting: o.Waiting, Holders: []holder{}}
	for _, k := range kinds {
		if key, ok := strings.CutSuffix(strings.TrimPrefix(name, prefix), k.suffix); ok && key != "" {
			e.Key, e.Kind = key, k.kind
			break
		}
	}
	for _, h := range o.Holders {
		one := holder{ID: h.ID, Fence: h.Fence, Slots: h.Slots, AgeMS: h.Age.Milliseconds(), Foreign: h.Foreign}
		if w, ok := parseHolder(h.ID); ok && !h.Foreign {
			one.Host, one.PID = w.Host, w.PID
		}
		if h.TTL != driver.NoExpiry {
			ms := h.TTL.Milliseconds()
			one.LeftMS = &ms
		}
		e.Holders = append(e.Holders, one)
	}
	return e
}

// maxListed is how many names are listed at most.
const maxListed = 10_000

// list finds all that is held or waited for under keys that begin with prefix.
func list(ctx context.Context, st driver.Store, instance, prefix string) ([]entry, error) {
	inspect := driver.CapabilitiesOf(st).Inspect
	if inspect == nil {
		return nil, exit.Usagef("%w: it cannot list what is held; \"cachify show KEY\" looks at one key", driver.ErrUnsupported)
	}
	names, err := inspect.Names(ctx, instance+prefix, maxListed+1)
	if err != nil {
		return nil, err
	}
	if len(names) > maxListed {
		return nil, exit.Errorf(exit.Failure, "more than %d keys are held: name the beginning of those to list", maxListed)
	}
	return entriesOf(ctx, st, instance, names)
}

// find finds what is held or waited for under one key.
func find(ctx context.Context, st driver.Store, instance, key string) ([]entry, error) {
	names := make([]string, 0, len(kinds))
	for _, k := range slices.Backward(kinds) {
		names = append(names, instance+key+k.suffix)
	}
	return entriesOf(ctx, st, instance, names)
}

func entriesOf(ctx context.Context, st driver.Store, instance string, names []string) ([]entry, error) {
	all := []entry{}
	for _, name := range names {
		o, err := st.Holders(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(o.Holders) > 0 || o.Waiting > 0 {
			all = append(all, newEntry(instance, name, o))
		}
	}
	return all, nil
}

// look finds what ls, show and watch show: one key, or with key "" all that begin with
// prefix.
func (s *session) look(ctx context.Context, prefix, key string) ([]entry, error) {
	var all []entry
	var err error
	if key == "" {
		all, err = list(ctx, s.store, s.settings.Prefix, prefix)
	} else {
		all, err = find(ctx, s.store, s.settings.Prefix, key)
	}
	if err != nil {
		if e := (*exit.Error)(nil); !errors.As(err, &e) && ctx.Err() == nil {
			err = fmt.Errorf("store %s: %w", s.settings.Redacted(), err)
		}
		return nil, failure(ctx, err)
	}
	return all, nil
}
