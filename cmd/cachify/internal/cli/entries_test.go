package cli

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
	"github.com/go-cachify/cachify/driver"
)

// blind is a store that cannot list what is held.
type blind struct{ driver.Store }

func TestListNeedsAnInspector(t *testing.T) {
	_, err := list(context.Background(), blind{}, "PYC-", "")
	e := (*exit.Error)(nil)
	if !errors.As(err, &e) || e.Code != exit.Usage || !errors.Is(err, driver.ErrUnsupported) ||
		!strings.Contains(err.Error(), "cannot list what is held") {
		t.Errorf("got %v", err)
	}
}

func TestEntries(t *testing.T) {
	for _, c := range []struct{ name, key, kind string }{
		{"PYC-deploy", "deploy", "lock"},
		{"PYC-deploy-once", "deploy", "once"},
		{"PYC-deploy-pool", "deploy", "pool"},
		{"PYC--pool", "-pool", "lock"}, // there are no empty keys
		{"PYC-charge-1-lock", "charge-1-lock", "lock"},
	} {
		if e := newEntry("PYC-", c.name, driver.Occupancy{}); e.Key != c.key || e.Kind != c.kind || e.Name != c.name {
			t.Errorf("got %+v, want %+v", e, c)
		}
	}
}

func TestTable(t *testing.T) {
	o := driver.Occupancy{Limit: 3, Waiting: 2, Holders: []driver.Holder{
		{ID: "web1:12:abc/1", Slots: 2, Age: 3 * time.Second, TTL: 15 * time.Second},
		{ID: "job\x1b[2J", Foreign: true, Slots: 1, TTL: driver.NoExpiry},
	}}
	got := strings.Join(table([]entry{
		newEntry("PYC-", "PYC-gpu-pool", o),
		newEntry("PYC-", "PYC-next", driver.Occupancy{Limit: 1, Waiting: 1}),
		newEntry("PYC-", "PYC-a\xff", driver.Occupancy{Limit: 1, Waiting: 1}),
	}, ""), "\n")
	const want = `KEY   KIND      HELD BY                      PID  AGE  LEFT               WAITING
gpu   pool 3/3  web1 ×2                      12   3s   █████░░░░░ 15s     2
                not cachify: "job\x1b[2J"    -    -    ██████████ no end
next  lock      nobody                       -    -    -                  1
"a\xff" lock    nobody                       -    -    -                  1`
	if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for left, want := range map[time.Duration]string{
		0: "░░░░░░░░░░ 0s", time.Millisecond: "█░░░░░░░░░ 1ms", 30 * time.Second: "██████████ 30s", driver.MaxTTL: "██████████ 36500d0h",
	} {
		if got := bar(left); got != want {
			t.Errorf("bar of %v: got %q, want %q", left, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"nightly backup": "nightly backup", "über-дата": "über-дата",
		"a\x1b[2J": `"a\x1b[2J"`, "a\u202eb": `"a\u202eb"`, "a\x9b2J": `"a\x9b2J"`, "a\xff": `"a\xff"`,
	} {
		if got := printable(s); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}
