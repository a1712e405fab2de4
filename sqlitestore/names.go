package sqlitestore

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
)

// Names returns, in order, the names that begin with prefix and that somebody holds
// or waits for.
func (s *Store) Names(ctx context.Context, prefix string, limit int) (names []string, err error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, fmt.Errorf("%w: a limit of %d names: it must be positive", driver.ErrInvalid, limit)
	}
	err = s.read(ctx, func(t *turn) {
		names = nil
		add := func(s *sqlite3.Stmt) { names = append(names, s.ColumnText(0)) }
		if end := pastPrefix(prefix); end != "" {
			t.run("names", add, prefix, end, limit, t.now)
		} else {
			t.run("names-from", add, prefix, limit, t.now)
		}
	})
	return names, err
}

// pastPrefix is the first string after all that begin with prefix; empty: there is
// none.
func pastPrefix(prefix string) string {
	b := []byte(prefix)
	for len(b) > 0 {
		last := len(b) - 1
		if b[last] < 0xff {
			b[last]++
			return string(b)
		}
		b = b[:last]
	}
	return ""
}
