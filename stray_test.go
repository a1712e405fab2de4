package cachify

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// A fail-over to a replica that lagged behind brings back places that were served on
// the old master. What is handed to them is given back at once.
func TestPlacesThatCameBack(t *testing.T) {
	for _, waits := range []int{1, 5, minSweep + 3} {
		synctest.Test(t, func(t *testing.T) {
			mem := memory(t)
			c, other := instanceOn(t, mem, nil), instanceOn(t, mem, nil)
			lock := func(wait time.Duration) *Lock { return c.Lock("a", Wait(wait), Expiry(time.Minute)) }

			var strays []string // three kinds
			for i := range waits {
				first := mustAcquire(t, other.Lock("a", Expiry(NoExpiry)))
				at := begin(t.Context(), lock(time.Second))
				synctest.Wait()
				strays = append(strays, waitingFor(c)...)
				if i%3 == 2 {
					<-at.done
					wantIs(t, at.err, ErrTimeout)
				}
				mustRelease(t, first)
				switch i % 3 {
				case 0:
					mustRelease(t, at.got(t))
				case 1:
					at.got(t)
					<-time.After(2 * time.Minute)
				}
			}

			first := mustAcquire(t, other.Lock("a", Expiry(NoExpiry)))
			for _, holder := range strays {
				req := driver.AcquireRequest{Name: "PYC-a", Holder: holder, Limit: 1, Slots: 1, TTL: time.Hour}
				_, err := mem.Enqueue(t.Context(), req, time.Hour)
				wantIs(t, err, driver.ErrHeld)
			}
			last := begin(t.Context(), lock(Forever))
			synctest.Wait()
			wantState(t, mem, "PYC-a", 1, len(strays)+1)
			mustRelease(t, first)
			mustRelease(t, last.got(t))
			if last.took != 0 {
				t.Errorf("it took %v", last.took)
			}
			wantState(t, mem, "PYC-a", 0, 0)
		})
	}
}

// waitingFor returns the holders of those who stand in line.
func waitingFor(c *Cachify) (holders []string) {
	l := c.core.lines.find("PYC-a")
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.holders {
		holders = append(holders, h)
	}
	return holders
}

// A push for what is released and still held for its minimum is no stray, nor one for
// what was acquired at once.
func TestWhatIsHeldIsNoStray(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory(t)
		c := instanceOn(t, mem, nil)
		push := func(holder string) {
			for range 3 {
				c.core.lines.find("PYC-a").woken(driver.Wake{Grant: driver.Grant{Name: "PYC-a", Holder: holder, Slots: 1, TTL: time.Minute}})
				synctest.Wait()
			}
		}
		lock := c.Lock("a", Wait(Forever), MinHold(10*time.Second))
		first := mustAcquire(t, c.Lock("a"))
		at := begin(t.Context(), lock)
		synctest.Wait()
		push(first.Holder())
		wantState(t, mem, "PYC-a", 1, 1)
		mustRelease(t, first)
		held := at.got(t)
		holder := held.Holder()
		behind := begin(t.Context(), lock)
		synctest.Wait()
		mustRelease(t, held)
		push(holder)
		wantState(t, mem, "PYC-a", 1, 1)
		mustRelease(t, behind.got(t))
		if behind.took != 10*time.Second {
			t.Errorf("the minimum hold ended after %v", behind.took)
		}
	})
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
