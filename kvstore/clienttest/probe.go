package clienttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/go-cachify/cachify/kvstore"
)

// long is a time to live that no rule sees the end of.
const long = 10 * time.Minute

// probe is the inside of a rule: it asks the client and stops the rule at the first
// answer that is not the promised one. Stopping is a panic with a *stop, as the
// standard library's parsers do it; it never leaves [stopped].
type probe struct {
	Harness
	ctx      context.Context
	clients  [2]kvstore.Client
	swappers [2]kvstore.CompareAndSwapper // nil: that client cannot
	mine     int                          // which of them this goroutine uses
	keys     *keys
}

// keys makes keys and remembers them.
type keys struct {
	base string
	mu   sync.Mutex
	made []string
}

type stop struct{ err error }

// slowError says that the rule itself took so long that it cannot tell.
type slowError struct{ err error }

func (e *slowError) Error() string { return "too slow to tell: " + e.err.Error() }
func (e *slowError) Unwrap() error { return e.err }

func newProbe(ctx context.Context, h Harness, client, other kvstore.Client) *probe {
	p := &probe{
		Harness: h, ctx: ctx, clients: [2]kvstore.Client{client, other},
		keys: &keys{base: "clienttest-" + rand.Text()[:12]},
	}
	for i, c := range p.clients {
		p.swappers[i], _ = c.(kvstore.CompareAndSwapper)
	}
	return p
}

// stopped runs f and returns the error that f stopped with.
func stopped(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *stop:
			err = r.err
		default:
			panic(r)
		}
	}()
	f()
	return nil
}

// failf stops the rule.
func (p *probe) failf(format string, args ...any) {
	panic(&stop{fmt.Errorf(format, args...)})
}

// ok stops the rule unless err is nil.
func (p *probe) ok(err error, what string) {
	if err != nil {
		p.failf("%s: %w", what, err)
	}
}

// key returns a key that was never used before. It ends with suffix.
func (p *probe) key(suffix string) string {
	p.keys.mu.Lock()
	defer p.keys.mu.Unlock()
	key := fmt.Sprintf("%s-%d%s", p.keys.base, len(p.keys.made)+1, suffix)
	p.keys.made = append(p.keys.made, key)
	return key
}

// also notes that the rule uses a key that it made itself.
func (p *probe) also(key string) string {
	p.keys.mu.Lock()
	defer p.keys.mu.Unlock()
	p.keys.made = append(p.keys.made, key)
	return key
}

// tidy removes what the rule may have left. It is a courtesy to a shared engine, so
// errors do not matter.
func (p *probe) tidy() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), 10*time.Second)
	defer cancel()
	for _, key := range p.keys.made {
		value, ok, err := p.clients[0].Get(ctx, key)
		if err != nil {
			return
		}
		if ok {
			_, _ = p.clients[0].CompareAndDelete(ctx, key, value)
		}
	}
}

func (p *probe) get(key string) ([]byte, bool) {
	value, ok, err := p.clients[p.mine].Get(p.ctx, key)
	p.ok(err, "Get")
	return value, ok
}

func (p *probe) set(key string, value []byte, ttl time.Duration) bool {
	ok, err := p.clients[p.mine].SetIfAbsent(p.ctx, key, value, ttl)
	p.ok(err, fmt.Sprintf("SetIfAbsent of %s for %v", show(value), ttl))
	return ok
}

func (p *probe) remove(key string, old []byte) bool {
	ok, err := p.clients[p.mine].CompareAndDelete(p.ctx, key, old)
	p.ok(err, "CompareAndDelete of "+show(old))
	return ok
}

func (p *probe) swap(key string, old, value []byte, ttl time.Duration) bool {
	ok, err := p.swappers[p.mine].CompareAndSwap(p.ctx, key, old, value, ttl)
	p.ok(err, fmt.Sprintf("CompareAndSwap of %s for %s for %v", show(old), show(value), ttl))
	return ok
}

// has checks that Get returns want.
func (p *probe) has(key string, want []byte, when string) {
	value, ok := p.get(key)
	switch {
	case !ok:
		p.failf("%s: Get finds nothing, want %s", when, show(want))
	case !bytes.Equal(value, want):
		p.failf("%s: Get returns %s, want %s", when, show(value), show(want))
	}
}

// absent checks that Get finds nothing.
func (p *probe) absent(key, when string) {
	if value, ok := p.get(key); ok {
		p.failf("%s: Get returns %s, want that it finds nothing", when, show(value))
	}
}

// sets has to set a value that is not there.
func (p *probe) sets(key string, value []byte, ttl time.Duration) {
	if !p.set(key, value, ttl) {
		p.failf("SetIfAbsent of %s for %v under a key without a value returns false, want true", show(value), ttl)
	}
}

// removes has to remove the value that is there.
func (p *probe) removes(key string, old []byte) {
	if !p.remove(key, old) {
		p.failf("CompareAndDelete of %s, which is the value, returns false, want true", show(old))
	}
}

// swaps has to replace the value that is there.
func (p *probe) swaps(key string, old, value []byte) {
	if !p.swap(key, old, value, long) {
		p.failf("CompareAndSwap of %s, which is the value, for %s returns false, want true", show(old), show(value))
	}
}

// show quotes a value for an error, cut if it is long.
func show(value []byte) string {
	if len(value) > 40 {
		return fmt.Sprintf("%d bytes that begin with %.30q", len(value), value)
	}
	return fmt.Sprintf("%q", value)
}

// together runs f n times at once, on both clients, and stops the rule with what
// stopped the first of them.
func (p *probe) together(n int, f func(p *probe, i int)) {
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
		begin = make(chan struct{})
	)
	for i := range n {
		q := *p
		q.ctx, q.mine = ctx, i%2
		wg.Go(func() {
			<-begin
			if err := stopped(func() { f(&q, i) }); err != nil {
				once.Do(func() { first = err; cancel(err) })
			}
		})
	}
	close(begin)
	wg.Wait()
	if first != nil {
		panic(&stop{first})
	}
}
