package netfault

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
)

// maxText is the longest text that can be watched for.
const maxText = 256

// watch is a text that somebody waits for.
type watch struct {
	dir  Direction
	text []byte
	do   func(*Conn)
}

// Watch has do called each time that text comes by in a direction, also if it is
// swallowed then. text has 1 to 256 bytes; other lengths panic.
//
// All before the last byte of text has been passed on by then, and what follows
// waits until do returns. So if do cuts the connection, the text arrives without its
// end; and nobody can have answered it yet.
func (p *Proxy) Watch(dir Direction, text string, do func(*Conn)) (stop func()) {
	if len(text) < 1 || len(text) > maxText {
		panic(fmt.Sprintf("netfault: a text of %d bytes: it must be from 1 to %d", len(text), maxText))
	}
	w := &watch{dir, []byte(text), do}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watches = append(slices.Clip(p.watches), w)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.watches = slices.DeleteFunc(slices.Clone(p.watches), func(other *watch) bool { return other == w })
	}
}

// once is Watch for the first time that text comes by. The channel closes when do has
// returned.
func (p *Proxy) once(dir Direction, text string, do func(c *Conn, done func())) <-chan struct{} {
	done := make(chan struct{})
	var first sync.Once
	var stop func()
	var ready sync.WaitGroup
	ready.Add(1)
	defer ready.Done()
	stop = p.Watch(dir, text, func(c *Conn) {
		first.Do(func() {
			ready.Wait()
			stop()
			do(c, sync.OnceFunc(func() { close(done) }))
		})
	})
	return done
}

// DropReply loses one reply: the next request in which text comes arrives, what the
// server says to it does not, and then the client finds its connection ended. The
// channel closes when that is done. See [Conn.DropReply].
func (p *Proxy) DropReply(text string) <-chan struct{} {
	return p.once(ToServer, text, func(c *Conn, done func()) { c.dropReply(done) })
}

// CutInside cuts the next connection on which text comes by, within the text. The
// channel closes when that is done.
func (p *Proxy) CutInside(dir Direction, text string) <-chan struct{} {
	return p.once(dir, text, func(c *Conn, done func()) {
		c.Cut()
		done()
	})
}

// stream is what was seen of one direction of a connection.
type stream struct {
	dir  Direction
	seen []byte         // the last maxText bytes
	off  int            // bytes so far
	from map[*watch]int // where each watch goes on looking
}

// next returns how many bytes of data come before the next watch that has to be
// told, and that watch; nil: there is none.
func (s *stream) next(watches []*watch, data []byte) (n int, first *watch) {
	all := append(slices.Clip(s.seen), data...)
	start := s.off - len(s.seen)
	end := 0
	for _, w := range watches {
		if w.dir != s.dir {
			continue
		}
		from, known := s.from[w]
		if !known {
			from = s.off
			s.from[w] = from
		}
		skip := max(from-start, 0)
		i := bytes.Index(all[min(skip, len(all)):], w.text)
		if i < 0 {
			continue
		}
		if e := start + skip + i + len(w.text); first == nil || e < end {
			first, end = w, e
		}
	}
	if first == nil {
		return len(data), nil
	}
	s.from[first] = end
	return end - 1 - s.off, first
}

// saw notes bytes that have come by.
func (s *stream) saw(data []byte) {
	s.off += len(data)
	s.seen = append(s.seen, data...)
	if extra := len(s.seen) - maxText; extra > 0 {
		s.seen = append(s.seen[:0], s.seen[extra:]...)
	}
}
