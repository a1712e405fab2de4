package storetest

import (
	"errors"
	"unsafe"

	"github.com/go-cachify/cachify/driver"
)

type object struct{ n int }

var objectRules = []Rule{
	{
		Name:     "object-round-trip",
		Explains: "SaveObject keeps the value itself, not a copy, and LoadObject returns it with its version until Delete.",
		Needs:    NeedObjects,
		Check: rule(func(p *probe) {
			key := p.Key()
			p.objectAbsent(key)
			value := &object{1}
			v := p.saveObject(key, value, forLong)
			p.hasObject(key, value, v)
			value = &object{2}
			v = p.saveObject(key, value, forLong)
			p.hasObject(key, value, v)
			p.remove(key, 0)
			p.objectAbsent(key)
			p.hasObject(key, nil, p.saveObject(key, nil, forLong))
			p.hasObject(key, object{3}, p.saveObject(key, object{3}, forLong))
		}),
	},
	{
		Name:     "object-or-record",
		Explains: "An object and a record share the key but not the form: Load does not find an object, LoadObject does not find a record, and a write of either replaces the other.",
		Needs:    NeedObjects,
		Check: rule(func(p *probe) {
			key := p.Key()
			value := &object{1}
			v := p.saveObject(key, value, forLong)
			p.absent(key)
			p.hasObject(key, value, v)
			v = p.save(key, "bytes", forLong)
			p.objectAbsent(key)
			p.has(key, "bytes", v)
			v = p.saveObject(key, []byte("an object"), forLong)
			p.absent(key)
			if got, at, err := p.Caps.Objects.LoadObject(p.ctx, key); err != nil || at != v || string(got.([]byte)) != "an object" {
				p.failf("LoadObject returned %v, version %d, error %v", got, at, show(err))
			}
		}),
	},
	{
		Name:     "object-conditions",
		Explains: "IfAbsent, IfVersion and Delete with a version hold for objects as for records, and across the two: an object is something that is there, and no version of a key comes twice.",
		Needs:    NeedObjects,
		Check: rule(func(p *probe) {
			key := p.Key()
			one, two := &object{1}, &object{2}
			p.objectConflict(key, ifVersion(1, long), "IfVersion where there is nothing")
			first := p.saveObject(key, one, ifAbsent(long))
			p.objectConflict(key, ifAbsent(long), "IfAbsent where there is an object")
			p.conflict(key, ifAbsent(long), "IfAbsent for a record where there is an object")
			p.hasObject(key, one, first)

			second := p.saveObject(key, two, ifVersion(first, long))
			p.objectConflict(key, ifVersion(first, long), "IfVersion with an old version")
			p.conflict(key, ifVersion(first, long), "IfVersion for a record with an old version")
			p.is(p.Store.Delete(p.ctx, key, first), driver.ErrConflict, "Delete of an old version")
			p.hasObject(key, two, second)

			third := p.save(key, "three", ifVersion(second, long))
			p.objectConflict(key, ifAbsent(long), "IfAbsent where there is a record")
			p.objectConflict(key, ifVersion(second, long), "IfVersion with an old version")
			p.has(key, "three", third)
			fourth := p.saveObject(key, one, ifVersion(third, long))
			p.remove(key, fourth)
			p.objectAbsent(key)
			fifth := p.saveObject(key, one, ifAbsent(long))

			seen := map[driver.Version]bool{}
			for _, v := range []driver.Version{first, second, third, fourth, fifth} {
				if seen[v] {
					p.failf("version %d came twice", v)
				}
				seen[v] = true
			}
		}),
	},
	{
		Name:     "object-expires",
		Explains: "An object ends when its time to live has passed, stays with NoExpiry, and takes the time of the write that replaced another.",
		Needs:    NeedObjects,
		Check: rule(func(p *probe) {
			key, stays := p.Key(), p.Key()
			value := &object{1}
			kept := p.saveObject(stays, value, driver.Write{TTL: driver.NoExpiry})
			p.save(key, "x", forLong)
			var v driver.Version
			saved := during(func() { v = p.saveObject(key, value, driver.Write{TTL: p.Unit}) })
			p.ends(saved, p.Unit, "an object", func() bool {
				_, _, err := p.Caps.Objects.LoadObject(p.ctx, key)
				if err != nil {
					p.is(err, driver.ErrNotFound, "LoadObject")
				}
				return err != nil
			})
			p.objectConflict(key, ifVersion(v, long), "IfVersion over an expired object")
			p.saveObject(key, value, ifAbsent(long))
			p.hasObject(stays, value, kept)
		}),
	},
	{
		Name:     "object-invalid",
		Explains: "SaveObject and LoadObject refuse with ErrInvalid what Save and Load refuse.",
		Needs:    NeedObjects,
		Check: rule(func(p *probe) {
			key := p.Key()
			value := &object{1}
			v := p.saveObject(key, value, forLong)
			for _, w := range badWrites(v) {
				_, err := p.Caps.Objects.SaveObject(p.ctx, key, &object{2}, w)
				p.invalid(err, "SaveObject with %+v", w)
			}
			p.hasObject(key, value, v)
			_, err := p.Caps.Objects.SaveObject(p.ctx, "", value, forLong)
			p.invalid(err, "SaveObject with an empty key")
			_, _, err = p.Caps.Objects.LoadObject(p.ctx, "")
			p.invalid(err, "LoadObject with an empty key")
		}),
	},
	{
		Name:     "object-load-keeps-no-key",
		Explains: "LoadObject does not keep the key it was asked for: the caller builds it in a buffer that it uses again, which is what makes a cache hit free of allocations.",
		Needs:    NeedObjects,
		Check: rule(func(p *probe) {
			one, two := p.Key(), p.Key()
			value := &object{1}
			v := p.saveObject(one, value, forLong)
			buf := []byte(one)
			asked := unsafe.String(&buf[0], len(buf))
			p.hasObject(asked, value, v)
			missing := []byte(one + "-")
			p.objectAbsent(unsafe.String(&missing[0], len(missing)))

			copy(buf, two)
			copy(missing, two)
			p.objectAbsent(two)
			p.hasObject(one, value, v)
			p.remove(one, 0)
			p.objectAbsent(one)
			p.hasObject(two, value, p.saveObject(two, value, ifAbsent(long)))
		}),
	},
}

func (p *probe) saveObject(key string, value any, w driver.Write) driver.Version {
	p.savesKey(key)
	v, err := p.Caps.Objects.SaveObject(p.ctx, key, value, w)
	p.ok(err, "SaveObject")
	if v == 0 {
		p.failf("SaveObject returned version 0, which is no record's")
	}
	return v
}

func (p *probe) objectConflict(key string, w driver.Write, what string) {
	_, err := p.Caps.Objects.SaveObject(p.ctx, key, &object{-1}, w)
	p.is(err, driver.ErrConflict, what)
}

func (p *probe) hasObject(key string, value any, v driver.Version) {
	got, at, err := p.Caps.Objects.LoadObject(p.ctx, key)
	p.ok(err, "LoadObject")
	if got != value || at != v {
		p.failf("LoadObject returned %v with version %d, want the very value %v with %d", got, at, value, v)
	}
}

func (p *probe) objectAbsent(key string) {
	_, _, err := p.Caps.Objects.LoadObject(p.ctx, key)
	if !errors.Is(err, driver.ErrNotFound) {
		p.failf("LoadObject of what is not there: got error %v, want %v", show(err), driver.ErrNotFound)
	}
}
