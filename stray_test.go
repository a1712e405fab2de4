package cachify

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// A fail-over to a replica that lagged behind brings back places that were served on
// the old master. What is handed to them is given back at once.
func TestPlacesThatCameBack(t *testing.T) {
	for _, what := range []string{"released", "expired", "given up"} {
		synctest.Test(t, func(t *testing.T) {
			mem := memory(t)
			c, other := instanceOn(t, mem, nil), instanceOn(t, mem, nil)
			lock := func(key string) *Lock { return c.Lock(key, Wait(Forever), Expiry(time.Minute)) }
			first := mustAcquire(t, other.Lock("a", Expiry(NoExpiry)))

			var holder string
			at := begin(t.Context(), lock("a"))
			synctest.Wait()
			c.core.lines.mu.Lock()
			for h := range c.core.lines.waited {
				holder = h
			}
			c.core.lines.mu.Unlock()
			switch what {
			case "released":
				mustRelease(t, first)
				mustRelease(t, at.got(t))
			case "expired":
				mustRelease(t, first)
				at.got(t)
				<-time.After(2 * time.Minute)
			case "given up":
				mustRelease(t, first)
				mustRelease(t, at.got(t))
				c.core.lines.waited[holder].lease.Store(nil)
				c.core.lines.waited[holder].gaveUp.Store(true)
			}

			first = mustAcquire(t, other.Lock("a", Expiry(NoExpiry)))
			for i := range 5 { // one of them, and four that we never knew, or have forgotten
				req := driver.AcquireRequest{Name: "PYC-a", Holder: holder, Limit: 1, Slots: 1, TTL: time.Hour}
				if i > 0 {
					req.Holder = fmt.Sprintf("%s%d", holder, i)
				}
				_, err := mem.Enqueue(t.Context(), req, time.Hour)
				wantIs(t, err, driver.ErrHeld)
			}
			last := begin(t.Context(), lock("a"))
			synctest.Wait()
			wantState(t, mem, "PYC-a", 1, 6)
			mustRelease(t, first)
			mustRelease(t, last.got(t))
			if last.took != 0 {
				t.Errorf("it took %v", last.took)
			}
			wantState(t, mem, "PYC-a", 0, 0)
		})
	}
}

// A lease that we hold is not taken for a stray, however late and often the push for
// it comes.
func TestALatePushIsNoStray(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		lock := c.Lock("a", Wait(Forever))
		first := mustAcquire(t, lock)
		at := begin(t.Context(), lock)
		synctest.Wait()
		behind := begin(t.Context(), lock)
		synctest.Wait()
		mustRelease(t, first)
		l := at.got(t)
		line := c.core.lines.find("PYC-a")
		for range 3 {
			line.woken(driver.Wake{Grant: driver.Grant{Name: "PYC-a", Holder: l.Holder(), Slots: 1, TTL: 30 * time.Second}})
			line.woken(driver.Wake{Grant: driver.Grant{Name: "PYC-a", Holder: "elsewhere:1:x/1", Slots: 1, TTL: time.Second}})
			<-time.After(time.Second)
			wantState(t, mem, "PYC-a", 1, 1)
		}
		wantNil(t, l.Err())
		mustRelease(t, l)
		mustRelease(t, behind.got(t))
	})
}

// Who has waited is not remembered for ever.
func TestHoldersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := instanceOn(t, memory(t), nil)
		lock := c.Lock("a", Wait(Forever))
		l := mustAcquire(t, lock)
		if n := len(c.core.lines.waited); n != 0 {
			t.Errorf("%d are noted who never waited", n)
		}
		for range 5 * minSweep {
			at := begin(t.Context(), lock)
			synctest.Wait()
			mustRelease(t, l)
			l = at.got(t)
		}
		if n := len(c.core.lines.waited); n > minSweep+1 {
			t.Errorf("%d are noted", n)
		}
		mustRelease(t, l)
	})
}
