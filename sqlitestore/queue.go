package sqlitestore

import (
	"context"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
)

// Enqueue makes one attempt and, if it is refused, joins the queue.
func (s *Store) Enqueue(ctx context.Context, req driver.AcquireRequest, patience time.Duration) (driver.Grant, error) {
	if err := validatePatience(patience); err != nil {
		return driver.Grant{}, err
	}
	return s.acquire(ctx, req, patience)
}

// join gives req the last place, unless it has one, and renews its client's
// patience.
func (t *turn) join(req driver.AcquireRequest, patience time.Duration) {
	client := driver.ClientOf(req.Holder)
	t.run("add-patience", nil, req.Name, client, after(t.now, patience))
	t.run("add-place", nil, req.Name, client, req.Holder, req.Slots, req.Limit, micros(req.TTL))
}

// Look shows how a client stands in the queue.
func (s *Store) Look(ctx context.Context, name, client string, patience time.Duration) (sight driver.Sight, err error) {
	if err := s.readyFor(ctx, name); err != nil {
		return driver.Sight{}, err
	}
	if err := validatePatience(patience); err != nil {
		return driver.Sight{}, err
	}
	err = s.write(ctx, func(t *turn) { sight = t.look(name, client, patience) })
	return sight, err
}

func (t *turn) look(name, client string, patience time.Duration) driver.Sight {
	// Its own patience is renewed before anybody is given up, unless it is over.
	if p := t.load(name); p.queued {
		if p.patience <= t.now {
			t.forget(name)
		}
		t.run("renew-patience", nil, name, client, after(t.now, patience))
	}
	p := t.settle(name)
	sight := driver.Sight{RetryAfter: until(t.now, p.firstEnd), Holder: p.holder, At: reading(t.now)}
	sight.Grants = t.grants(name, client)
	t.run("count-places", func(s *sqlite3.Stmt) { sight.Waiting = s.ColumnInt(0) }, name, client)
	return sight
}

// grants are the leases of a client on name.
func (t *turn) grants(name, client string) (grants []driver.Grant) {
	t.run("leases-of-client", func(s *sqlite3.Stmt) {
		grants = append(grants, t.grant(name, s.ColumnText(0), s.ColumnInt64(1), s.ColumnInt(2), s.ColumnInt64(4)))
	}, name, client)
	return grants
}

// Leave gives up a place in the queue, or what was handed over.
func (s *Store) Leave(ctx context.Context, name, holder string) error {
	if err := s.readyForLease(ctx, name, holder); err != nil {
		return err
	}
	return s.write(ctx, func(t *turn) {
		t.removePlace(name, driver.ClientOf(holder), holder)
		if !t.release(name, holder) {
			t.settle(name)
		}
	})
}

// Listen has wake called for the hand-overs to client on name. The first listener of
// a client makes a socket in a directory beside the file, and the last one removes
// it; where there can be none, the store looks at the file every few milliseconds.
func (s *Store) Listen(ctx context.Context, name, client string, wake func(driver.Wake)) (stop func(), err error) {
	if err := s.readyFor(ctx, name); err != nil {
		return nil, err
	}
	return s.pushes.listen(name, client, wake)
}

func validatePatience(d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%w: a patience of %v: it must be positive", driver.ErrInvalid, d)
	}
	return nil
}
