package storetest

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var recordRules = []Rule{
	{
		Name:     "record-round-trip",
		Explains: "Save makes a record that Load returns through every client, with its version and time, until Delete; where there is none Load is ErrNotFound.",
		Check: rule(func(p *probe) {
			key := p.Key()
			p.absent(key)
			var v driver.Version
			saved := during(func() { v = p.save(key, "one", forLong) })
			p.has(key, "one", v)
			p.keeps(key, saved, long)
			r, err := p.Other.Load(p.ctx, key)
			p.ok(err, "Load through another client")
			if string(r.Value) != "one" || r.Version != v {
				p.failf("another client sees %q with version %d, want %q with %d", r.Value, r.Version, "one", v)
			}
			v = p.save(key, "two", forLong)
			p.has(key, "two", v)
			p.remove(key, 0)
			p.absent(key)
		}),
	},
	{
		Name:     "record-values",
		Explains: "A value is any bytes: none at all, nil, zeros, bytes that are no text, a mebibyte. It comes back as it was.",
		Check: rule(func(p *probe) {
			var all [256]byte
			for i := range all {
				all[i] = byte(i)
			}
			for _, value := range []string{"", "\x00", "\x00\x00a\x00", string(all[:]), "\xff\xfe", "nil", "0", strings.Repeat("0123456789abcdef", 1<<16)} {
				key := p.Key()
				p.has(key, value, p.save(key, value, forLong))
			}
			key := p.Key()
			v, err := p.Store.Save(p.ctx, key, nil, forLong)
			p.ok(err, "Save of a nil value")
			p.has(key, "", v)
		}),
	},
	{
		Name:     "record-value-stays",
		Explains: "A value that Load has returned stays as it is when the record is overwritten or deleted; the caller may still be reading it.",
		Check: rule(func(p *probe) {
			key := p.Key()
			p.save(key, "first value", forLong)
			r := p.load(key)
			p.save(key, "other value", forLong)
			p.remove(key, 0)
			p.save(key, "third value", forLong)
			if !bytes.Equal(r.Value, []byte("first value")) {
				p.failf("the loaded value has become %q", r.Value)
			}
		}),
	},
	{
		Name:     "record-odd-keys",
		Explains: "A key is any string that is not empty, as a lease's name is. No two of them are the same.",
		Check: rule(func(p *probe) {
			base := p.Key()
			versions := map[string]driver.Version{}
			for _, odd := range oddStrings(base) {
				versions[odd] = p.save(odd, odd, ifAbsent(long))
			}
			for _, odd := range oddStrings(base) {
				p.has(odd, odd, versions[odd])
				p.remove(odd, versions[odd])
				p.absent(odd)
			}
		}),
	},
	{
		Name:     "record-expires",
		Explains: "A record ends when its time to live has passed, not earlier and not later than the store's resolution.",
		Check: rule(func(p *probe) {
			key := p.Key()
			for _, ttl := range []time.Duration{p.Unit, p.Unit + p.Unit/3 + 7*time.Millisecond} {
				saved := during(func() { p.save(key, "x", driver.Write{TTL: ttl}) })
				p.expires(key, saved, ttl)
			}
		}),
	},
	{
		Name:     "record-ttl-told",
		Explains: "Load tells what a record has left; a cache above decides by it when to load afresh.",
		Check: rule(func(p *probe) {
			key := p.Key()
			ttl := 20 * p.Unit
			saved := during(func() { p.save(key, "x", driver.Write{TTL: ttl}) })
			for range 2 {
				p.sleep(p.Unit / 2)
				p.keeps(key, saved, ttl)
			}
		}),
	},
	{
		Name:     "record-ttl-replaced",
		Explains: "Each write sets the record's time anew, under every condition: longer, shorter, for ever and finite again. No time of an earlier write is left, and none is forgotten.",
		Check: rule(func(p *probe) {
			key := p.Key()
			var v driver.Version
			p.save(key, "a", driver.Write{TTL: p.Unit})
			saved := during(func() { p.save(key, "b", forLong) })
			p.keeps(key, saved, long)
			saved = during(func() { v = p.save(key, "c", driver.Write{TTL: driver.NoExpiry}) })
			p.keeps(key, saved, driver.NoExpiry)
			saved = during(func() { v = p.save(key, "d", ifVersion(v, long)) })
			p.keeps(key, saved, long)
			p.sleep(2*p.Unit + p.late())
			p.has(key, "d", v)
			saved = during(func() { p.save(key, "e", driver.Write{TTL: p.Unit}) })
			p.expires(key, saved, p.Unit)
		}),
	},
	{
		Name:     "record-if-absent",
		Explains: "IfAbsent writes only where there is no record, or none any more; otherwise it is ErrConflict and the record stays, with its time. Marks like \"being computed\" rely on it.",
		Check: rule(func(p *probe) {
			key := p.Key()
			var v driver.Version
			saved := during(func() { v = p.save(key, "one", ifAbsent(long)) })
			p.conflict(key, ifAbsent(2*long), "IfAbsent where there is a record")
			p.has(key, "one", v)
			p.keeps(key, saved, long)
			p.remove(key, 0)
			saved = during(func() { p.save(key, "two", ifAbsent(p.Unit)) })
			p.ends(saved, p.Unit, "a record as IfAbsent sees it", func() bool {
				_, err := p.Store.Save(p.ctx, key, []byte("three"), ifAbsent(long))
				if err != nil {
					p.is(err, driver.ErrConflict, "IfAbsent where there is a record")
				}
				return err == nil
			})
			if r := p.load(key); string(r.Value) != "three" {
				p.failf("Load returned %q, want %q", r.Value, "three")
			}
		}),
	},
	{
		Name:     "record-if-version",
		Explains: "IfVersion writes only over the very version that was read; a record that was changed, deleted, made anew or has run out is ErrConflict, and nothing changes. Lost updates are prevented by it.",
		Check: rule(func(p *probe) {
			key := p.Key()
			p.conflict(key, ifVersion(1, long), "IfVersion where there never was a record")
			p.absent(key)
			first := p.save(key, "one", forLong)
			var second driver.Version
			saved := during(func() { second = p.save(key, "two", ifVersion(first, long)) })
			p.conflict(key, ifVersion(first, 2*long), "IfVersion with an old version")
			p.conflict(key, ifVersion(second+1, 2*long), "IfVersion with a version that never was")
			p.has(key, "two", second)
			p.keeps(key, saved, long)

			p.remove(key, 0)
			p.conflict(key, ifVersion(second, long), "IfVersion after Delete")
			p.absent(key)
			third := p.save(key, "three", forLong)
			p.conflict(key, ifVersion(second, long), "IfVersion with the version from before the Delete")
			p.has(key, "three", third)
		}),
	},
	{
		Name:     "record-if-version-expired",
		Explains: "IfVersion over a record that has run out is ErrConflict: it is not there any more.",
		Check: rule(func(p *probe) {
			key := p.Key()
			var v driver.Version
			saved := during(func() { v = p.save(key, "x", driver.Write{TTL: p.Unit}) })
			p.sleep(time.Until(saved.to.Add(p.Unit + p.late())))
			p.conflict(key, ifVersion(v, long), "IfVersion over an expired record")
			p.absent(key)
			p.is(p.Store.Delete(p.ctx, key, v), driver.ErrConflict, "Delete of a version that has expired")
		}),
	},
	{
		Name:     "record-versions-differ",
		Explains: "No version of a key comes twice: not after a write of the same value, not after Delete, not after expiry. A version that comes again lets a stale writer win.",
		Check: rule(func(p *probe) {
			key := p.Key()
			seen := map[driver.Version]bool{}
			save := func(w driver.Write) {
				v := p.save(key, "same", w)
				if seen[v] {
					p.failf("version %d came twice", v)
				}
				seen[v] = true
			}
			for range 10 {
				save(forLong)
				save(forLong)
				p.remove(key, 0)
				save(ifAbsent(long))
				p.remove(key, p.load(key).Version)
			}
			for range 2 {
				save(driver.Write{TTL: driver.MinTTL})
				p.eventually("a record of a millisecond is over", func() bool { return !p.exists(key) })
			}
			save(forLong)
		}),
	},
	{
		Name:     "record-delete",
		Explains: "Delete without a version removes whatever is there, and it is no error if that is nothing.",
		Check: rule(func(p *probe) {
			key := p.Key()
			p.remove(key, 0)
			p.save(key, "x", forLong)
			p.ok(p.Other.Delete(p.ctx, key, 0), "Delete through another client")
			p.absent(key)
			p.remove(key, 0)
		}),
	},
	{
		Name:     "record-delete-version",
		Explains: "Delete with a version removes that version only; where there is another one or none it is ErrConflict and nothing changes.",
		Check: rule(func(p *probe) {
			key := p.Key()
			p.is(p.Store.Delete(p.ctx, key, 1), driver.ErrConflict, "Delete of a version where there is no record")
			first := p.save(key, "one", forLong)
			second := p.save(key, "two", forLong)
			p.is(p.Store.Delete(p.ctx, key, first), driver.ErrConflict, "Delete of an old version")
			p.has(key, "two", second)
			p.remove(key, second)
			p.absent(key)
			p.is(p.Store.Delete(p.ctx, key, second), driver.ErrConflict, "Delete of a deleted version")
		}),
	},
	{
		Name:     "record-keys-apart",
		Explains: "What happens to one key does not touch another, even if one begins with the other.",
		Check: rule(func(p *probe) {
			a := p.Key()
			b := a + "/b"
			va, vb := p.save(a, "a", forLong), p.save(b, "b", forLong)
			p.has(a, "a", va)
			p.remove(a, 0)
			p.has(b, "b", vb)
			p.remove(b, vb)
		}),
	},
	{
		Name:     "record-lease-apart",
		Explains: "Lease names and record keys are two name spaces: a lock and a cached value with the same name do not meet.",
		Needs:    NeedSpaces,
		Check: rule(func(p *probe) {
			both := p.Key()
			v := p.save(both, "x", forLong)
			p.idle(both)
			g := p.acquire(p.lock(both))
			p.has(both, "x", v)
			p.conflict(both, ifAbsent(long), "IfAbsent where there is a record")
			p.remove(both, v)
			p.absent(both)
			p.holds(both, g)
			v = p.save(both, "y", ifAbsent(long))
			p.evict(both)
			p.has(both, "y", v)
		}),
	},
	{
		Name:     "record-one-writer-wins",
		Explains: "Of many that write over the same version at once exactly one wins, the others get ErrConflict, and the winner's value is there.",
		Check: rule(func(p *probe) {
			key := p.Key()
			v := p.save(key, "start", forLong)
			for range 10 {
				v = p.contest(key, func(int) driver.Write { return ifVersion(v, long) })
			}
		}),
	},
	{
		Name:     "record-one-maker-wins",
		Explains: "Of many that write IfAbsent at once exactly one wins, the others get ErrConflict, and the winner's value is there.",
		Check: rule(func(p *probe) {
			key := p.Key()
			for range 10 {
				v := p.contest(key, func(int) driver.Write { return ifAbsent(long) })
				p.remove(key, v)
			}
		}),
	},
}

// contest lets eight writers write key at once, of which one has to win.
func (p *probe) contest(key string, write func(i int) driver.Write) driver.Version {
	var (
		won    atomic.Uint64
		winner atomic.Int64
		wins   atomic.Int64
	)
	p.together(8, func(p *probe, i int) {
		s := p.Store
		if i%2 == 1 {
			s = p.Other
		}
		v, err := s.Save(p.ctx, key, []byte{byte(i)}, write(i))
		switch {
		case err == nil:
			wins.Add(1)
			won.Store(uint64(v))
			winner.Store(int64(i))
		case !errors.Is(err, driver.ErrConflict):
			p.ok(err, "Save")
		}
	})
	if wins.Load() != 1 {
		p.failf("%d of 8 writers won, want 1", wins.Load())
	}
	v := driver.Version(won.Load())
	p.has(key, string([]byte{byte(winner.Load())}), v)
	return v
}
