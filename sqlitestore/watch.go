package sqlitestore

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/go-cachify/cachify/driver"
)

// The watcher looks often for a while after something has happened, and less often
// later. A look that finds nothing takes some µs.
const (
	watchOften  = time.Millisecond
	watchSeldom = 4 * time.Millisecond
	watchKeen   = 100 * time.Millisecond // for so long
)

// watcher looks whether another process has written to the file, for clients that
// have no socket.
type watcher struct {
	ears int // that need it
	quit chan struct{}
}

func newWatcher() *watcher { return &watcher{quit: make(chan struct{})} }

func (w *watcher) stop() { close(w.quit) }

// watch runs until w is stopped.
func (p *pushes) watch(w *watcher) {
	var (
		version int64
		ends    map[address]int64
	)
	changed := time.Now()
	for {
		pause := watchSeldom
		if time.Since(changed) < watchKeen {
			pause = watchOften
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-w.quit:
			timer.Stop()
			return
		}
		now, err := p.store.dataVersion()
		if err != nil || now == version {
			continue
		}
		version, changed = now, time.Now()
		ends = p.lookAround(ends)
	}
}

// lookAround looks for all that have no socket. ends is when the leases on their
// names were going to end, and again how it is now: who waits has to know if that is
// earlier.
func (p *pushes) lookAround(ends map[address]int64) map[address]int64 {
	now := make(map[address]int64)
	for _, at := range p.unheard() {
		grants, end, err := p.store.handed(at)
		if err != nil {
			continue
		}
		before, known := ends[at]
		now[at] = end
		for _, l := range p.at(at) {
			if !l.tellNew(grants) && known && end < before {
				l.tell(driver.Wake{})
			}
		}
	}
	return now
}

// unheard are the addresses of those that have no socket.
func (p *pushes) unheard() (all []address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at := range p.listeners {
		if e := p.ears[at.client]; e != nil && e.socket == nil {
			all = append(all, at)
		}
	}
	return all
}

// dataVersion changes when another connection has written to the file.
func (s *Store) dataVersion() (v int64, err error) {
	err = s.with(context.Background(), func(c *conn) error {
		return c.run("data-version", func(s *sqlite3.Stmt) { v = s.ColumnInt64(0) })
	})
	return v, err
}
