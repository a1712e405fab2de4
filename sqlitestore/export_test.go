package sqlitestore

import (
	"context"
	"time"
)

// NewImage returns the bytes of a new file.
func NewImage() ([]byte, error) { return newImage() }

// Clock is a system's clocks, for tests to set.
type Clock struct {
	Era         string        // the boot and namespace; empty: there is only the wall clock
	Running, Up time.Duration // since the start of the system
	Wall        time.Time
}

// SetClock has the store go by c, which the caller changes only between requests.
func (s *Store) SetClock(c *Clock) {
	s.system = func() systemTime {
		return systemTime{era: c.Era, running: c.Running.Microseconds(), up: c.Up.Microseconds(), wall: c.Wall.UnixMicro()}
	}
}

// Exec runs SQL on the store's connection.
func (s *Store) Exec(sql string) error {
	return s.with(context.Background(), func(c *conn) error { return c.db.Exec(sql) })
}

// Count returns the number of rows of a table.
func (s *Store) Count(table string) (n int, err error) {
	err = s.with(context.Background(), func(c *conn) error {
		q, _, err := c.db.Prepare("SELECT count(*) FROM " + table)
		if err != nil {
			return err
		}
		if q.Step() {
			n = q.ColumnInt(0)
		}
		return q.Close()
	})
	return n, err
}
