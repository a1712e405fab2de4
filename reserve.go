package cachify

import (
	"context"
	"errors"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/internal/envelope"
)

// A load puts a reservation under its key before it calls the function, and replaces
// that very version by the result: who resets the key in between takes the
// reservation away, and the result is not stored.
//
// A refresh does the same. As long as it lasts, others are to get the old result for
// as long as that had left: so its reservation has the old result inside. Whether
// that is still good is up to the store's clock: it lives for reservationTTL longer
// than the old result, so the old result is over when only that is left. Where other
// programs read the old result too (see [SharedCodec]), they know nothing of this: there
// the reservation ends with the old result, and what a longer refresh brings is not
// stored.

// reservationTTL is how long a load may take whose result is still to be stored. A
// reservation that nobody fills does no harm: it counts as a miss, and the next
// load takes it over.
const reservationTTL = time.Hour

// reserveAttempts is how often a load may see nothing under a key where nevertheless
// something is, before it takes that for something it cannot see.
const reserveAttempts = 4

// reserved is what a load is to replace.
type reserved[R any] struct {
	sight[R]
	own bool // it is our reservation, to be taken away if nothing comes
}

var errOtherForm = errors.New("it is kept in another form")

// reserve makes sure that something with a version is under name: a reservation, of
// ours or another's, or what cannot be read. If it finds a result, that is returned
// instead. If the store fails the version is 0: nothing will be stored.
func (c *cache[R]) reserve(ctx context.Context, k *core, name string) (reserved[R], error) {
	for range reserveAttempts {
		r, err := c.put(ctx, k, name, sight[R]{}, driver.Write{If: driver.IfAbsent})
		if !errors.Is(err, driver.ErrConflict) {
			return r, err
		}
		s, err := c.look(ctx, k, name)
		if err != nil || s.version != 0 {
			k.corrupt(name, s.unread)
			return reserved[R]{sight: s}, err
		}
	}
	return c.putOver(ctx, k, name)
}

// reserveAnew replaces whatever is there by a reservation, so that the result of a
// run that began earlier will not be stored. Each conflict over what it has seen
// means that another one got its own through.
func (c *cache[R]) reserveAnew(ctx context.Context, k *core, name string) (reserved[R], error) {
	for blind := 0; blind < reserveAttempts; {
		s, err := c.look(ctx, k, name)
		if err != nil {
			return reserved[R]{}, err
		}
		w := driver.Write{If: driver.IfAbsent}
		if s.version != 0 {
			w = driver.Write{If: driver.IfVersion, Version: s.version}
		}
		r, err := c.put(ctx, k, name, s, w)
		if !errors.Is(err, driver.ErrConflict) {
			k.corrupt(name, s.unread)
			return r, err
		}
		if s.version == 0 {
			blind++
		}
	}
	return c.putOver(ctx, k, name)
}

// putOver is for what is there and cannot be seen: bytes where we keep objects, or
// the reverse.
func (c *cache[R]) putOver(ctx context.Context, k *core, name string) (reserved[R], error) {
	k.corrupt(name, errOtherForm)
	return c.put(ctx, k, name, sight[R]{}, driver.Write{If: driver.Always})
}

// put writes a reservation with what s saw inside.
func (c *cache[R]) put(ctx context.Context, k *core, name string, s sight[R], w driver.Write) (reserved[R], error) {
	w.TTL = reservationTTL
	if left := s.leftNow(); left > 0 && (left >= driver.MinTTL || c.grace(k) > 0) {
		w.TTL = min(left, driver.MaxTTL-c.grace(k)) + c.grace(k)
		if left == NoExpiry {
			w.TTL = NoExpiry
		}
	} else {
		s.object = nil
	}
	o := &object[R]{kind: envelope.Loading, created: time.Now(), ttl: w.TTL, old: s.object, oldRaw: s.raw}
	v, err := c.write(ctx, k, name, o, w)
	if err != nil {
		return reserved[R]{}, err
	}
	s.version = v
	return reserved[R]{sight: s, own: true}, nil
}

// grace is how much longer than the result inside it a reservation lives.
func (c *cache[R]) grace(k *core) time.Duration {
	if c.inProcess(k) {
		return reservationTTL
	}
	return c.formatOn(k).grace()
}

// unreserve takes our reservation away, and puts back what was inside.
func (c *cache[R]) unreserve(ctx context.Context, k *core, name string, r reserved[R]) error {
	var err error
	if left := r.leftNow(); left >= driver.MinTTL {
		_, err = c.write(ctx, k, name, r.object.encodedAs(r.raw), driver.Write{If: driver.IfVersion, Version: r.version, TTL: left})
	} else {
		err = k.store.Delete(ctx, name, r.version)
	}
	if errors.Is(err, driver.ErrConflict) {
		return nil // somebody else has written or reset the key
	}
	return err
}
