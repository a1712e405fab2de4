package sqlitestore

import (
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
)

// turn is one transaction. Once something has failed, what follows does nothing, and
// the transaction is undone: so only its end asks for the error.
type turn struct {
	*conn
	begin   string // the statement that begins it
	durable bool   // its commit waits for the disk
	system  func() systemTime

	clock   clockRow
	now     int64 // the time of leases
	records int64 // the time of records
	given   bool  // a number was given
	pushes  []push
	err     error
}

// errCeiling: the numbers that may be given without the disk having to know are used
// up.
var errCeiling = errors.New("the ceiling of numbers is reached")

// do runs the transaction. It must not be used again.
func (t *turn) do(f func(*turn)) error {
	if t.durable {
		if err := t.conn.durable(true); err != nil {
			return err
		}
		defer func() { _ = t.conn.durable(false) }() // to be slower is no harm
	}
	if err := t.conn.run(t.begin, nil); err != nil {
		return err
	}
	t.start()
	f(t)
	t.finish()
	t.run("commit", nil)
	if t.err != nil {
		return errors.Join(t.err, t.rollback())
	}
	t.tidy()
	return nil
}

// start reads the clock.
func (t *turn) start() {
	t.run("read-clock", t.clock.read)
	was := t.clock.era
	t.now, t.records = t.clock.settle(t.system())
	if t.begin == "begin" && t.clock.era != was {
		t.writeClock()
	}
}

func (t *turn) writeClock() {
	c := &t.clock
	t.run("write-clock", nil, c.era, c.leases, c.records, t.now, c.number, c.ceiling)
}

// finish writes the clock, if that has to be.
func (t *turn) finish() {
	if t.given {
		t.run("advance-clock", nil, t.now, t.clock.number)
	}
}

// run runs a statement, unless something has failed.
func (t *turn) run(name string, row func(*sqlite3.Stmt), args ...any) {
	if t.err == nil {
		t.err = t.conn.run(name, row, args...)
	}
}

// number returns one that is larger than all before it: a fence, or the version of a
// record.
func (t *turn) number() int64 {
	n := max(t.clock.number+1, t.now)
	if n >= t.clock.ceiling && t.err == nil {
		t.err = errCeiling
	}
	t.clock.number, t.given = n, true
	return n
}

// raise makes room for more numbers.
func (t *turn) raise() {
	t.clock.raise(t.now)
	t.writeClock()
}

// sweep removes a little of what is over and that nobody has come back to. Each
// request that adds something sweeps, and removes more than it adds.
func (t *turn) sweep() {
	for _, overdue := range []string{"overdue-lease", "overdue-patience"} {
		name := ""
		t.run(overdue, func(s *sqlite3.Stmt) { name = s.ColumnText(0) }, t.now)
		if name != "" {
			t.settle(name)
		}
	}
	t.run("sweep-records", nil, t.records)
}

// grant is a lease as package driver wants it.
func (t *turn) grant(name, holder string, fence int64, slots int, end int64) driver.Grant {
	return driver.Grant{
		Name: name, Holder: holder, Fence: uint64(fence), Slots: slots, TTL: until(t.now, end), At: reading(t.now),
	}
}
