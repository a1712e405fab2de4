package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// call is one method with arguments that would change something, or at least
// find something.
type call struct {
	what string
	do   func(ctx context.Context) error
}

// calls returns a call of each method that the store has. Name is held by g, key
// has a record, waits is in the queue, and free is not held.
func (p *probe) calls(name, free, key string, g driver.Grant, waits driver.AcquireRequest) []call {
	s := p.Store
	all := []call{
		{"Acquire", func(ctx context.Context) error { _, err := s.Acquire(ctx, p.lock(free)); return err }},
		{"Extend", func(ctx context.Context) error { _, err := s.Extend(ctx, g, 3*long); return err }},
		{"Release", func(ctx context.Context) error { return s.Release(ctx, g) }},
		{"Holders", func(ctx context.Context) error { _, err := s.Holders(ctx, name); return err }},
		{"Evict", func(ctx context.Context) error { return s.Evict(ctx, name) }},
		{"Load", func(ctx context.Context) error { _, err := s.Load(ctx, key); return err }},
		{"Save", func(ctx context.Context) error { _, err := s.Save(ctx, key, []byte("changed"), forLong); return err }},
		{"Delete", func(ctx context.Context) error { return s.Delete(ctx, key, 0) }},
	}
	if q := p.Caps.Queue; q != nil {
		all = append(all,
			call{"Enqueue on a free name", func(ctx context.Context) error { _, err := q.Enqueue(ctx, p.lock(free), long); return err }},
			call{"Enqueue on a held name", func(ctx context.Context) error { _, err := q.Enqueue(ctx, p.lock(name), long); return err }},
			call{"Look", func(ctx context.Context) error {
				_, err := q.Look(ctx, name, driver.ClientOf(waits.Holder), long)
				return err
			}},
			call{"Leave", func(ctx context.Context) error { return q.Leave(ctx, name, waits.Holder) }},
			call{"Listen", func(ctx context.Context) error {
				stop, err := q.Listen(ctx, name, p.me.ID(), func(driver.Wake) {})
				if err == nil {
					stop()
				}
				return err
			}},
		)
	}
	if o := p.Caps.Objects; o != nil {
		all = append(all,
			call{"LoadObject", func(ctx context.Context) error { _, _, err := o.LoadObject(ctx, key); return err }},
			call{"SaveObject", func(ctx context.Context) error { _, err := o.SaveObject(ctx, key, 1, forLong); return err }},
		)
	}
	if i := p.Caps.Inspect; i != nil {
		all = append(all, call{"Names", func(ctx context.Context) error { _, err := i.Names(ctx, p.base, 10); return err }})
	}
	if i := p.Caps.Ping; i != nil {
		all = append(all, call{"Ping", i.Ping})
	}
	if i := p.Caps.Doctor; i != nil {
		all = append(all, call{"Examine", func(ctx context.Context) error { _, err := i.Examine(ctx); return err }})
	}
	return all
}

var requestRules = []Rule{
	{
		Name:     "ctx-ended",
		Explains: "A method whose ctx has already ended returns the ctx's error and changes nothing: a caller that has gone must not become a holder.",
		Check: rule(func(p *probe) {
			name, free, key := p.Name(), p.Name(), p.Key()
			cancelled, cancel := context.WithCancel(p.ctx)
			cancel()
			passed, cancel := context.WithDeadline(p.ctx, time.Now().Add(-time.Second))
			defer cancel()

			var g driver.Grant
			granted := during(func() { g = p.acquire(p.lock(name)) })
			waits := p.lock(name)
			waiting := 0
			if p.Caps.Queue != nil {
				p.queues(waits, long)
				waiting = 1
			}
			v := p.save(key, "kept", forLong)

			for _, c := range p.calls(name, free, key, g, waits) {
				p.is(c.do(cancelled), context.Canceled, c.what+" with a cancelled ctx")
				p.is(c.do(passed), context.DeadlineExceeded, c.what+" after the ctx's deadline")
				p.holds(name, g)
				p.tells(name, g.Holder, granted, long)
				if o := p.holders(name); o.Waiting != waiting {
					p.failf("%s with an ended ctx left %d waiting, want %d", c.what, o.Waiting, waiting)
				}
				p.idle(free)
				p.has(key, "kept", v)
			}
		}),
	},
	{
		Name:     "closed",
		Explains: "After Close every method returns ErrClosed, and none hangs or panics.",
		Needs:    NeedClose,
		Check: rule(func(p *probe) {
			name, free, key := p.Name(), p.Name(), p.Key()
			g := p.acquire(p.lock(name))
			p.save(key, "x", forLong)
			waits := p.lock(name)
			if p.Caps.Queue != nil {
				p.queues(waits, long)
				stop, err := p.Caps.Queue.Listen(p.ctx, name, p.me.ID(), func(driver.Wake) {})
				p.ok(err, "Listen")
				defer stop()
			}
			p.ok(p.closeStore(p.Store), "Close")
			for _, c := range p.calls(name, free, key, g, waits) {
				p.is(c.do(p.ctx), driver.ErrClosed, c.what+" after Close")
			}
		}),
	},
	{
		Name:     "request-invalid",
		Explains: "A request without name or holder, with a limit or slots out of range or with a time to live that is none is ErrInvalid, and nothing is held or queued: it is never taken for something near it.",
		Check: rule(func(p *probe) {
			name := p.Name()
			good := p.lock(name)
			bad := map[string]func(r *driver.AcquireRequest){
				"an empty name":          func(r *driver.AcquireRequest) { r.Name = "" },
				"an empty holder":        func(r *driver.AcquireRequest) { r.Holder = "" },
				"limit 0":                func(r *driver.AcquireRequest) { r.Limit = 0 },
				"limit -1":               func(r *driver.AcquireRequest) { r.Limit = -1 },
				"a limit over MaxLimit":  func(r *driver.AcquireRequest) { r.Limit = driver.MaxLimit + 1 },
				"0 slots":                func(r *driver.AcquireRequest) { r.Slots = 0 },
				"-1 slots":               func(r *driver.AcquireRequest) { r.Slots = -1 },
				"more slots than limit":  func(r *driver.AcquireRequest) { r.Slots = 2 },
				"limit and slots of 0":   func(r *driver.AcquireRequest) { r.Limit, r.Slots = 0, 0 },
				"many slots and limit 1": func(r *driver.AcquireRequest) { r.Slots = driver.MaxLimit },
			}
			for what, spoil := range bad {
				req := good
				spoil(&req)
				p.neverHeld(req, what)
			}
			for _, ttl := range badTTLs {
				p.neverHeld(lasting(good, ttl), "a time to live of "+ttl.String())
			}
			p.idle(name)

			g := p.acquire(good)
			p.neverHeld(lasting(good, 0), "a time to live of 0 by the holder itself")
			p.holds(name, g)
		}),
	},
	{
		Name:     "write-invalid",
		Explains: "A write with an unknown condition, a version that does not go with it or a time to live that is none is ErrInvalid, and the record stays.",
		Check: rule(func(p *probe) {
			key, free := p.Key(), p.Key()
			var v driver.Version
			saved := during(func() { v = p.save(key, "kept", forLong) })
			for _, w := range badWrites(v) {
				_, err := p.Store.Save(p.ctx, key, []byte("x"), w)
				p.invalid(err, "Save with %+v", w)
				_, err = p.Store.Save(p.ctx, free, []byte("x"), w)
				p.invalid(err, "Save with %+v where there is nothing", w)
			}
			p.has(key, "kept", v)
			p.keeps(key, saved, long)
			p.absent(free)
		}),
	},
	{
		Name:     "empty-key",
		Explains: "An empty name or key is ErrInvalid in every method: it is a mistake of the caller, not a name. Where the method asks for a lease, ErrLost is as good.",
		Check: rule(func(p *probe) {
			_, err := p.Store.Holders(p.ctx, "")
			p.invalid(err, "Holders of an empty name")
			p.invalid(p.Store.Evict(p.ctx, ""), "Evict of an empty name")
			_, err = p.Store.Load(p.ctx, "")
			p.invalid(err, "Load of an empty key")
			_, err = p.Store.Save(p.ctx, "", []byte("x"), forLong)
			p.invalid(err, "Save of an empty key")
			p.invalid(p.Store.Delete(p.ctx, "", 0), "Delete of an empty key")
			p.noLease(p.Store.Release(p.ctx, driver.Grant{}), "Release of the zero Grant")
			if p.Caps.Lacks&driver.LackExtend == 0 {
				_, err = p.Store.Extend(p.ctx, driver.Grant{}, long)
				p.noLease(err, "Extend of the zero Grant")
			}
		}),
	},
}

// badWrites returns writes that every store refuses.
func badWrites(v driver.Version) []driver.Write {
	all := []driver.Write{
		{},
		{If: driver.IfVersion + 1, TTL: long},
		{If: 255, TTL: long},
		{If: driver.IfVersion, TTL: long},
		{If: driver.IfAbsent, Version: v, TTL: long},
		{If: driver.Always, Version: v, TTL: long},
	}
	for _, ttl := range badTTLs {
		all = append(all, driver.Write{TTL: ttl}, ifAbsent(ttl), ifVersion(v, ttl))
	}
	return all
}

// neverHeld checks that no method takes req.
func (p *probe) neverHeld(req driver.AcquireRequest, what string) {
	_, err := p.Store.Acquire(p.ctx, req)
	p.invalid(err, "Acquire with %s", what)
	if p.Caps.Queue != nil {
		_, err = p.Caps.Queue.Enqueue(p.ctx, req, long)
		p.invalid(err, "Enqueue with %s", what)
	}
}

func (p *probe) noLease(err error, what string) {
	if !errors.Is(err, driver.ErrLost) && !errors.Is(err, driver.ErrInvalid) {
		p.failf("%s: got error %v, want %v or %v", what, show(err), driver.ErrInvalid, driver.ErrLost)
	}
}
