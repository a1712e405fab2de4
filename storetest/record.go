package storetest

import (
	"bytes"
	"errors"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// This file has what rules ask a store about records.

// forLong is a write that takes place whatever is there and that no rule sees the
// end of.
var forLong = driver.Write{TTL: long}

func ifAbsent(ttl time.Duration) driver.Write {
	return driver.Write{If: driver.IfAbsent, TTL: ttl}
}

func ifVersion(v driver.Version, ttl time.Duration) driver.Write {
	return driver.Write{If: driver.IfVersion, Version: v, TTL: ttl}
}

// save has to succeed.
func (p *probe) save(key, value string, w driver.Write) driver.Version {
	p.savesKey(key)
	v, err := p.Store.Save(p.ctx, key, []byte(value), w)
	p.ok(err, "Save")
	if v == 0 {
		p.failf("Save returned version 0, which is no record's")
	}
	return v
}

// conflict checks that a write is refused.
func (p *probe) conflict(key string, w driver.Write, what string) {
	v, err := p.Store.Save(p.ctx, key, []byte("refused"), w)
	p.is(err, driver.ErrConflict, what)
	if v != 0 {
		p.failf("%s: a refused write returned version %d", what, v)
	}
}

// load has to find the record.
func (p *probe) load(key string) driver.Record {
	r, err := p.Store.Load(p.ctx, key)
	p.ok(err, "Load")
	if r.Version == 0 || r.TTL <= 0 {
		p.failf("Load returned version %d and %v to go", r.Version, r.TTL)
	}
	return r
}

// has checks value and version of a record.
func (p *probe) has(key, value string, v driver.Version) {
	r := p.load(key)
	if !bytes.Equal(r.Value, []byte(value)) {
		p.failf("Load returned %d bytes %.40q, want %d bytes %.40q", len(r.Value), r.Value, len(value), value)
	}
	if r.Version != v {
		p.failf("Load returned version %d, want the %d that Save returned", r.Version, v)
	}
}

// exists tells whether there is a record.
func (p *probe) exists(key string) bool {
	_, err := p.Store.Load(p.ctx, key)
	if err != nil && !errors.Is(err, driver.ErrNotFound) {
		p.ok(err, "Load")
	}
	return err == nil
}

// absent checks that there is no record.
func (p *probe) absent(key string) {
	_, err := p.Store.Load(p.ctx, key)
	p.is(err, driver.ErrNotFound, "Load of a record that is not there")
}

// remove has to succeed.
func (p *probe) remove(key string, v driver.Version) {
	p.ok(p.Store.Delete(p.ctx, key, v), "Delete")
}

// keeps checks that Load tells what is left of a ttl that began within s.
func (p *probe) keeps(key string, s span, ttl time.Duration) {
	var r driver.Record
	told := during(func() {
		var err error
		if r, err = p.Store.Load(p.ctx, key); err != nil {
			p.failUnlessOver(s.from, ttl, "Load: %w", err)
		}
	})
	if ttl != driver.NoExpiry && told.to.Sub(s.from) >= ttl {
		p.failUnlessOver(s.from, ttl, "the record may have ended meanwhile")
	}
	p.remains(s, told, ttl, r.TTL, "the record as Load tells it")
}

// expires checks that a record whose ttl began within s is over in time.
func (p *probe) expires(key string, s span, ttl time.Duration) {
	p.ends(s, ttl, "a record", func() bool { return !p.exists(key) })
}
