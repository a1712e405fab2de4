package seamlog

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/itest/internal/history"
	"github.com/go-cachify/cachify/memstore"
	"github.com/go-cachify/cachify/storetest"
)

// The wrapper keeps every promise of what it wraps.
func TestConformance(t *testing.T) {
	wrap := func(s driver.Store) (driver.Store, func() error, error) {
		start := time.Now()
		now := func() time.Duration { return time.Since(start) }
		l := New(s, history.NewRecorder("c", now, &history.Memory{}))
		return l, l.Close, nil
	}
	storetest.Run(t, storetest.Harness{
		New: func(context.Context) (driver.Store, func() error, error) {
			mem, err := memstore.New(nil)
			if err != nil {
				return nil, nil, err
			}
			return wrap(mem)
		},
		Second: func(_ context.Context, first driver.Store) (driver.Store, func() error, error) {
			s, _, err := wrap(first.(*Store).inner)
			return s, func() error { return nil }, err
		},
		Close:  func(s driver.Store) error { return s.(*Store).Close() },
		Bubble: synctest.Test,
	})
}

func TestWhatIsWrittenDown(t *testing.T) {
	mem, err := memstore.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var sink history.Memory
	tick := time.Duration(0)
	s := New(mem, history.NewRecorder("c1", func() time.Duration { tick++; return tick }, &sink))
	ctx := t.Context()
	req := driver.AcquireRequest{Name: "a", Holder: "c/1", Limit: 1, Slots: 1, TTL: time.Minute}
	g, err := s.Acquire(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	req.Holder = "c/2"
	if _, err := s.Acquire(ctx, req); Outcome(err) != history.Held {
		t.Error(err)
	}
	v, err := s.Save(ctx, "k", []byte("v"), driver.Write{If: driver.IfAbsent, TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, "none"); Outcome(err) != history.NotFound {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Release(gone, g); err == nil {
		t.Error("released although the ctx had ended")
	}
	if err := s.Release(ctx, g); err != nil {
		t.Error(err)
	}
	events := sink.Events()
	if len(events) != 10 {
		t.Fatalf("%d events: %+v", len(events), events)
	}
	for i, e := range events {
		if e.Client != "c1" || e.Layer != history.Seam || e.T == 0 || e.ID != uint64(i/2+1) {
			t.Errorf("%+v", e)
		}
	}
	if e := events[1]; e.Op != Acquire || e.Outcome != history.OK || e.Fence != g.Fence || e.TTL != time.Minute || e.Key != "a" || e.Holder != "c/1" {
		t.Errorf("%+v", e)
	}
	if e := events[3]; e.Outcome != history.Held || e.Holder != "c/1" || e.TTL <= 0 {
		t.Errorf("%+v", e)
	}
	if c, r := events[4], events[5]; c.If != IfAbsent || c.Value != digest([]byte("v")) || r.Version != uint64(v) {
		t.Errorf("%+v, %+v", c, r)
	}
	if e := events[9]; e.Op != Release || e.Outcome != history.OK {
		t.Errorf("%+v", e)
	}
}
