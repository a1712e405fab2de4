package core

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// Enqueue makes one attempt and, if it is refused, joins the queue. A client's
// places are kept for up to a sixteenth longer than its patience, so that not each
// sign of life has to be written down.
func (s *Store) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	if err := validatePatience(patience); err != nil {
		return driver.Grant{}, err
	}
	return s.acquire(ctx, req, millis(patience))
}

// Look shows how a client stands in the queue.
func (s *Store) Look(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
	if err := s.readyFor(ctx, name); err != nil {
		return driver.Sight{}, err
	}
	if err := validatePatience(patience); err != nil {
		return driver.Sight{}, err
	}
	reply, err := s.run(ctx, lookScript, name, client, millis(patience))
	if err != nil {
		return driver.Sight{}, err
	}
	l := newList(reply)
	sight := driver.Sight{At: l.time(), RetryAfter: l.time(), Holder: l.string(), Waiting: int(l.int())}
	for l.more() {
		sight.Grants = append(sight.Grants, driver.Grant{
			Name: name, Holder: l.string(), Fence: uint64(l.int()), Slots: int(l.int()), TTL: l.time(), At: sight.At,
		})
	}
	if err := l.end(); err != nil {
		return driver.Sight{}, err
	}
	return sight, nil
}

// Leave gives up a place in the queue, or what was handed over.
func (s *Store) Leave(ctx context.Context, name, holder string) error {
	if err := s.readyForLease(ctx, name, holder); err != nil {
		return err
	}
	_, err := s.run(ctx, leaveScript, name, holder)
	return err
}

// Listen subscribes to the pushes for client on name. All names share one
// connection.
func (s *Store) Listen(ctx context.Context, name, client string, wake func(driver.Wake)) (stop func(), err error) {
	if err := s.readyFor(ctx, name); err != nil {
		return nil, err
	}
	stop, err = s.pushes.listen(ctx, channelOf(name, client), func(payload string) {
		if w, ok := readWake(name, client, payload); ok {
			wake(w)
		}
	})
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	return stop, nil
}

// readWake reads a push: nothing at all, which says to look, or
// "fence slots ttl now holder" with times in µs.
func readWake(name, client, payload string) (driver.Wake, bool) {
	if payload == "" {
		return driver.Wake{}, true
	}
	parts := strings.SplitN(payload, " ", 5)
	if len(parts) != 5 || driver.ClientOf(parts[4]) != client {
		return driver.Wake{}, false
	}
	var n [4]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(parts[i], 10, 64); err != nil {
			return driver.Wake{}, false
		}
	}
	return driver.Wake{Grant: driver.Grant{
		Name: name, Holder: parts[4], Fence: uint64(n[0]), Slots: int(n[1]), TTL: micros(n[2]), At: micros(n[3]),
	}}, true
}

func validatePatience(d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%w: a patience of %v: it must be positive", driver.ErrInvalid, d)
	}
	return nil
}
