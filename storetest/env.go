package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Env is what a rule works with. Each rule gets its own.
type Env struct {
	// Store is the store under test, Caps what it can do.
	Store driver.Store
	Caps  driver.Capabilities

	// Other is a second client of the same engine, or Store itself.
	Other     driver.Store
	OtherCaps driver.Capabilities

	// Unit, Resolution and Slack are those of the [Harness].
	Unit, Resolution, Slack time.Duration

	closeStore func(driver.Store) error
	base       string

	mu    sync.Mutex
	made  int
	names map[string]bool // those that may be held, for tidy
	keys  map[string]bool // those that may have a record
	ends  []func()
}

func newEnv(h Harness, store, other driver.Store) *Env {
	return &Env{
		Store: store, Caps: driver.CapabilitiesOf(store),
		Other: other, OtherCaps: driver.CapabilitiesOf(other),
		Unit: h.Unit, Resolution: h.Resolution, Slack: h.Slack,
		closeStore: h.Close,
		names:      map[string]bool{}, keys: map[string]bool{},
		base: "storetest-" + rand.Text()[:12],
	}
}

// Name returns a lease name that was never used before.
func (e *Env) Name() string { return e.unused("name") }

// Key returns a record key that was never used before.
func (e *Env) Key() string { return e.unused("key") }

func (e *Env) unused(kind string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.made++
	return fmt.Sprintf("%s-%s-%d", e.base, kind, e.made)
}

// holdsName notes that name may be held when the rule is over.
func (e *Env) holdsName(name string) { e.note(e.names, name) }

// savesKey notes that there may be a record under key when the rule is over.
func (e *Env) savesKey(key string) { e.note(e.keys, key) }

func (e *Env) note(set map[string]bool, s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	set[s] = true
}

// atEnd has f called when the rule is over.
func (e *Env) atEnd(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ends = append(e.ends, f)
}

// tidy ends what the rule has started and removes what it may have left. The
// latter is a courtesy to a shared engine, so errors do not matter.
func (e *Env) tidy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, f := range e.ends {
		f()
	}
	for name := range e.names {
		e.clear(ctx, name)
	}
	for key := range e.keys {
		_ = e.Store.Delete(ctx, key, 0)
	}
}

// clear evicts the holders of name, and then those who waited and hold it now. A
// store that is broken may never come to an end.
func (e *Env) clear(ctx context.Context, name string) {
	for range 100 {
		if err := e.Store.Evict(ctx, name); err != nil {
			return
		}
		if o, err := e.Store.Holders(ctx, name); err != nil || len(o.Holders) == 0 {
			return
		}
	}
}
