package clienttest_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/kvstore"
	"github.com/go-cachify/cachify/kvstore/clienttest"
)

type (
	getFunc    = func(ctx context.Context, key string) ([]byte, bool, error)
	setFunc    = func(ctx context.Context, key string, b []byte, ttl time.Duration) (bool, error)
	removeFunc = func(ctx context.Context, key string, old []byte) (bool, error)
	swapFunc   = func(ctx context.Context, key string, old, b []byte, ttl time.Duration) (bool, error)
)

// broken is a sound client but for the functions that are set.
type broken struct {
	swapper
	get    getFunc
	set    setFunc
	remove removeFunc
	swap   swapFunc
}

func (b *broken) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if b.get != nil {
		return b.get(ctx, key)
	}
	return b.swapper.Get(ctx, key)
}

func (b *broken) SetIfAbsent(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
	if b.set != nil {
		return b.set(ctx, key, v, ttl)
	}
	return b.swapper.SetIfAbsent(ctx, key, v, ttl)
}

func (b *broken) CompareAndDelete(ctx context.Context, key string, old []byte) (bool, error) {
	if b.remove != nil {
		return b.remove(ctx, key, old)
	}
	return b.swapper.CompareAndDelete(ctx, key, old)
}

func (b *broken) CompareAndSwap(ctx context.Context, key string, old, v []byte, ttl time.Duration) (bool, error) {
	if b.swap != nil {
		return b.swap(ctx, key, old, v, ttl)
	}
	return b.swapper.CompareAndSwap(ctx, key, old, v, ttl)
}

// gap is the moment between two steps of a client that should have made them one, as
// long as a round trip to an engine. It is for virtual time, where the others take
// their first step in it.
func gap() { time.Sleep(rand.N(50 * time.Microsecond)) }

// finds reports whether Get finds want.
func (b *broken) finds(ctx context.Context, key string, want []byte) (bool, error) {
	v, ok, err := b.swapper.Get(ctx, key)
	return ok && bytes.Equal(v, want), err
}

// setter makes a client that passes other times to live on.
func setter(ttl func(time.Duration) time.Duration) func(b *broken) {
	return func(b *broken) {
		b.set = func(ctx context.Context, key string, v []byte, d time.Duration) (bool, error) {
			return b.swapper.SetIfAbsent(ctx, key, v, ttl(d))
		}
	}
}

// swaps makes a client that passes other times to live to CompareAndSwap.
func swaps(ttl func(time.Duration) time.Duration) func(b *broken) {
	return func(b *broken) {
		b.swap = func(ctx context.Context, key string, old, v []byte, d time.Duration) (bool, error) {
			return b.swapper.CompareAndSwap(ctx, key, old, v, ttl(d))
		}
	}
}

// compares makes a client that takes values for equal if fold makes them so.
func compares(fold func([]byte) string) func(b *broken) {
	same := func(b *broken, ctx context.Context, key string, old []byte) []byte {
		if v, ok, _ := b.swapper.Get(ctx, key); ok && fold(v) == fold(old) {
			return v
		}
		return old
	}
	return func(b *broken) {
		b.remove = func(ctx context.Context, key string, old []byte) (bool, error) {
			return b.swapper.CompareAndDelete(ctx, key, same(b, ctx, key, old))
		}
		b.swap = func(ctx context.Context, key string, old, v []byte, ttl time.Duration) (bool, error) {
			return b.swapper.CompareAndSwap(ctx, key, same(b, ctx, key, old), v, ttl)
		}
	}
}

var sabotaged = []struct {
	name  string
	spoil func(b *broken)
	rule  string // the one that has to catch it
	plain bool   // also without CompareAndSwap
}{
	{"set overwrites", func(b *broken) {
		b.set = func(_ context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
			b.put(key, v, ttl)
			return true, nil
		}
	}, "set-refused", true},
	{"set overwrites, and says it did not", func(b *broken) {
		b.set = func(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
			ok, err := b.swapper.SetIfAbsent(ctx, key, v, ttl)
			b.put(key, v, ttl)
			return ok, err
		}
	}, "set-refused", true},
	{"set is a get and a put", func(b *broken) {
		b.set = func(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
			if _, found, err := b.swapper.Get(ctx, key); found || err != nil {
				return false, err
			}
			gap()
			b.put(key, v, ttl)
			return true, nil
		}
	}, "race-set", true},
	{"set clears away what has run out, and then sets", func(b *broken) {
		b.set = func(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
			b.mu.Lock()
			_, found := b.find(key)
			_, there := b.values[key]
			b.mu.Unlock()
			if there && !found {
				gap()
				b.drop(key)
			}
			return b.swapper.SetIfAbsent(ctx, key, v, ttl)
		}
	}, "race-set-expired", true},
	{"set refused renews", func(b *broken) {
		b.set = func(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
			if old, found, _ := b.swapper.Get(ctx, key); found {
				b.put(key, old, ttl)
				return false, nil
			}
			return b.swapper.SetIfAbsent(ctx, key, v, ttl)
		}
	}, "refused-keeps-ttl", true},
	{"empty is absent", func(b *broken) {
		b.get = func(ctx context.Context, key string) ([]byte, bool, error) {
			v, ok, err := b.swapper.Get(ctx, key)
			return v, ok && len(v) > 0, err
		}
	}, "values-exact", true},
	{"values are text", func(b *broken) {
		b.get = func(ctx context.Context, key string) ([]byte, bool, error) {
			v, ok, err := b.swapper.Get(ctx, key)
			return bytes.ToValidUTF8(v, []byte("?")), ok, err
		}
	}, "values-exact", true},
	{"values are trimmed", func(b *broken) {
		b.set = func(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
			return b.swapper.SetIfAbsent(ctx, key, bytes.TrimSpace(v), ttl)
		}
	}, "values-exact", true},
	{"keys in lower case", func(b *broken) {
		b.get = func(ctx context.Context, key string) ([]byte, bool, error) {
			return b.swapper.Get(ctx, strings.ToLower(key))
		}
		b.set = func(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
			return b.swapper.SetIfAbsent(ctx, strings.ToLower(key), v, ttl)
		}
	}, "keys-exact", true},
	{"absent is an error", func(b *broken) {
		b.get = func(ctx context.Context, key string) ([]byte, bool, error) {
			v, ok, err := b.swapper.Get(ctx, key)
			if !ok && err == nil {
				err = driver.ErrNotFound
			}
			return v, ok, err
		}
	}, "get-absent", true},
	{"the same bytes for every Get", func(b *broken) {
		var mu sync.Mutex
		var buf []byte
		b.get = func(ctx context.Context, key string) ([]byte, bool, error) {
			v, ok, err := b.swapper.Get(ctx, key)
			mu.Lock()
			defer mu.Unlock()
			buf = append(buf[:0], v...)
			return buf, ok, err
		}
	}, "bytes-left-alone", true},
	{"ctx is not looked at", func(b *broken) {
		b.remove = func(ctx context.Context, key string, old []byte) (bool, error) {
			return b.swapper.CompareAndDelete(context.WithoutCancel(ctx), key, old)
		}
	}, "ended-context", true},

	{"delete without comparing", func(b *broken) {
		b.remove = func(_ context.Context, key string, _ []byte) (bool, error) { return b.drop(key), nil }
	}, "delete-different", true},
	{"delete compares, and is always true", func(b *broken) {
		b.remove = func(ctx context.Context, key string, old []byte) (bool, error) {
			_, err := b.swapper.CompareAndDelete(ctx, key, old)
			return true, err
		}
	}, "delete-different", true},
	{"delete is true if there is nothing", func(b *broken) {
		b.remove = func(ctx context.Context, key string, old []byte) (bool, error) {
			if _, found, err := b.swapper.Get(ctx, key); !found || err != nil {
				return true, err
			}
			return b.swapper.CompareAndDelete(ctx, key, old)
		}
	}, "delete-absent", true},
	{"delete does nothing", func(b *broken) { b.remove = b.finds }, "delete-equal", true},
	{"delete is a get and a delete", func(b *broken) {
		b.remove = func(ctx context.Context, key string, old []byte) (bool, error) {
			if ok, err := b.finds(ctx, key, old); !ok || err != nil {
				return false, err
			}
			gap()
			return b.drop(key), nil
		}
	}, "race-delete-set", true},
	{"delete is a get and a delete, and true after it", func(b *broken) {
		b.remove = func(ctx context.Context, key string, old []byte) (bool, error) {
			if ok, err := b.finds(ctx, key, old); !ok || err != nil {
				return false, err
			}
			gap()
			b.drop(key)
			return true, nil
		}
	}, "race-delete", true},
	{"delete is a get and a delete, for swaps", func(b *broken) {
		b.remove = func(ctx context.Context, key string, old []byte) (bool, error) {
			if ok, err := b.finds(ctx, key, old); !ok || err != nil {
				return false, err
			}
			gap()
			return b.drop(key), nil
		}
	}, "race-swap-delete", false},
	{"values are equal in any case", compares(func(v []byte) string { return strings.ToLower(string(v)) }), "delete-different", true},
	{"values are equal but for trailing spaces", compares(func(v []byte) string { return strings.TrimRight(string(v), " ") }), "delete-different", true},
	{"values are compared up to a zero", compares(func(v []byte) string { return strings.SplitN(string(v), "\x00", 2)[0] }), "swap-different", false},
	{"values are compared by their first kilobyte", compares(func(v []byte) string { return string(v[:min(len(v), 1024)]) }), "swap-different", false},

	{"swap without comparing", func(b *broken) {
		b.swap = func(ctx context.Context, key string, _, v []byte, ttl time.Duration) (bool, error) {
			if _, found, err := b.swapper.Get(ctx, key); !found || err != nil {
				return false, err
			}
			b.put(key, v, ttl)
			return true, nil
		}
	}, "swap-different", false},
	{"swap sets what is absent", func(b *broken) {
		b.swap = func(ctx context.Context, key string, old, v []byte, ttl time.Duration) (bool, error) {
			if ok, err := b.swapper.SetIfAbsent(ctx, key, v, ttl); ok || err != nil {
				return ok, err
			}
			return b.swapper.CompareAndSwap(ctx, key, old, v, ttl)
		}
	}, "swap-absent", false},
	{"swap takes an absent value for an empty one", func(b *broken) {
		b.swap = func(ctx context.Context, key string, old, v []byte, ttl time.Duration) (bool, error) {
			if len(old) == 0 {
				if ok, err := b.swapper.SetIfAbsent(ctx, key, v, ttl); ok || err != nil {
					return ok, err
				}
			}
			return b.swapper.CompareAndSwap(ctx, key, old, v, ttl)
		}
	}, "swap-absent", false},
	{"swap does not swap", func(b *broken) {
		b.swap = func(ctx context.Context, key string, old, _ []byte, _ time.Duration) (bool, error) {
			return b.finds(ctx, key, old)
		}
	}, "swap-equal", false},
	{"swap is a get and a put", func(b *broken) { b.swap = b.getAndPut }, "race-swap", false},
	{"swap is a get and a put, in a count", func(b *broken) { b.swap = b.getAndPut }, "race-swap-count", false},
	{"swap is a get and a put, for deletes", func(b *broken) { b.swap = b.getAndPut }, "race-swap-delete", false},
	{"swap brings back what has run out", func(b *broken) {
		b.swap = func(ctx context.Context, key string, old, v []byte, ttl time.Duration) (bool, error) {
			b.mu.Lock()
			if was, ok := b.values[key]; ok && was.bytes == string(old) {
				b.values[key] = value{bytes: was.bytes}
			}
			b.mu.Unlock()
			return b.swapper.CompareAndSwap(ctx, key, old, v, ttl)
		}
	}, "expired-is-not-swapped", false},
	{"swap writes into the old bytes", func(b *broken) {
		b.swap = func(ctx context.Context, key string, old, v []byte, ttl time.Duration) (bool, error) {
			ok, err := b.swapper.CompareAndSwap(ctx, key, old, v, ttl)
			if ok {
				copy(old, v)
			}
			return ok, err
		}
	}, "swap-bytes-left-alone", false},
	{"swap keeps the old time to live", func(b *broken) {
		b.swap = func(ctx context.Context, key string, old, v []byte, ttl time.Duration) (bool, error) {
			b.mu.Lock()
			until := b.values[key].until
			b.mu.Unlock()
			ok, err := b.swapper.CompareAndSwap(ctx, key, old, v, ttl)
			if ok {
				b.mu.Lock()
				b.values[key] = value{bytes: string(v), until: until}
				b.mu.Unlock()
			}
			return ok, err
		}
	}, "swap-ttl", false},
	{"swap has no time to live", swaps(func(time.Duration) time.Duration { return driver.NoExpiry }), "swap-ttl", false},

	{"no time to live", setter(func(time.Duration) time.Duration { return driver.NoExpiry }), "ttl-ends", true},
	{"time to live in whole seconds, rounded down", setter(func(d time.Duration) time.Duration { return d.Truncate(time.Second) }), "ttl-ends", true},
	{"time to live in whole milliseconds, rounded down", setter(func(d time.Duration) time.Duration { return d.Truncate(time.Millisecond) }), "ttl-ends", true},
	{"time to live in whole seconds, rounded up", setter(func(d time.Duration) time.Duration {
		if d == driver.NoExpiry {
			return d
		}
		return (d + time.Second - 1).Truncate(time.Second)
	}), "ttl-ends", true},
	{"short times to live are for ever", setter(func(d time.Duration) time.Duration {
		if d < 2*time.Millisecond {
			return driver.NoExpiry
		}
		return d
	}), "ttl-shortest", true},
	{"time to live in 32 bits of milliseconds", setter(func(d time.Duration) time.Duration {
		if d == driver.NoExpiry {
			return d
		}
		return time.Duration(int32(d.Milliseconds()))*time.Millisecond + d%time.Millisecond
	}), "ttl-longest", true},
	{"for ever is a tenth of a second", setter(func(d time.Duration) time.Duration {
		if d == driver.NoExpiry {
			return 100 * time.Millisecond
		}
		return d
	}), "no-expiry", true},
	{"a deleted value's time goes on", func(b *broken) {
		var mu sync.Mutex
		until := map[string]time.Time{}
		b.set = func(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			if end, ok := until[key]; ok {
				ttl = min(ttl, max(0, time.Until(end)))
			}
			if ttl != driver.NoExpiry {
				until[key] = time.Now().Add(ttl)
			}
			return b.swapper.SetIfAbsent(ctx, key, v, ttl)
		}
	}, "ttl-of-its-own", true},
	{"what has run out can be deleted", func(b *broken) {
		b.remove = func(ctx context.Context, key string, old []byte) (bool, error) {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			v, ok := b.values[key]
			if !ok || v.bytes != string(old) {
				return false, nil
			}
			delete(b.values, key)
			return true, nil
		}
	}, "expired-is-absent", true},
}

// getAndPut swaps in two steps.
func (b *broken) getAndPut(ctx context.Context, key string, old, v []byte, ttl time.Duration) (bool, error) {
	if ok, err := b.finds(ctx, key, old); !ok || err != nil {
		return false, err
	}
	gap()
	b.put(key, v, ttl)
	return true, nil
}

// plain hides CompareAndSwap.
type plain struct{ kvstore.Client }

func TestSabotage(t *testing.T) {
	for _, s := range sabotaged {
		t.Run(s.name, func(t *testing.T) {
			caught(t, s.rule, func() kvstore.Client {
				b := &broken{swapper: swapper{client{newEngine()}}}
				s.spoil(b)
				return b
			})
			if s.plain {
				caught(t, s.rule, func() kvstore.Client {
					b := &broken{swapper: swapper{client{newEngine()}}}
					s.spoil(b)
					return plain{b}
				})
			}
		})
	}
}

// caught checks on virtual time that the rule does not let the client pass.
func caught(t *testing.T, rule string, client func() kvstore.Client) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		results, err := clienttest.Check(t.Context(), clienttest.Harness{
			New:   func(context.Context) (kvstore.Client, func() error, error) { return client(), nil, nil },
			Slack: 1,
		}, rule)
		if err != nil || len(results) != 1 {
			t.Fatalf("got %d results, error %v, want one result", len(results), err)
		}
		if results[0].Err == nil {
			t.Errorf("rule %s lets the client pass", rule)
		}
	})
}

// Each rule catches something that it is meant for.
func TestEachRuleCatches(t *testing.T) {
	catches := map[string]bool{"set-and-get": true} // which all others need
	for _, s := range sabotaged {
		catches[s.rule] = true
	}
	for _, r := range clienttest.Rules() {
		if !catches[r.Name] {
			t.Errorf("no sabotaged client is for rule %s", r.Name)
		}
	}
}
