package resource_test

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/go-cachify/cachify/itest/internal/history"
	"github.com/go-cachify/cachify/itest/internal/resource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whoever comes with a smaller fence is refused, and all decisions are written down in
// their order.
func TestWrites(t *testing.T) {
	var kept history.Memory
	server := resource.NewServer(history.NewRecorder("resource", history.Monotonic, &kept))
	socket := filepath.Join(t.TempDir(), "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- server.Serve(ctx, l) }()
	client := resource.Dial(socket)
	for _, c := range []struct {
		key   string
		fence uint64
		want  bool
	}{{"a", 5, true}, {"a", 5, true}, {"a", 4, false}, {"b", 4, true}, {"a", 6, true}, {"a", 5, false}, {"a", 0, false}} {
		got, err := client.Write(t.Context(), c.key, c.fence, "h")
		if err != nil || got != c.want {
			t.Errorf("write to %s under %d: got %v, %v, want %v", c.key, c.fence, got, err, c.want)
		}
	}
	var crowd sync.WaitGroup
	for range 20 {
		crowd.Go(func() {
			if ok, err := client.Write(t.Context(), "crowd", 7, "h"); !ok || err != nil {
				t.Errorf("one of a crowd: got %v, %v", ok, err)
			}
		})
	}
	crowd.Wait()
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := client.Write(gone, "a", 9, "h"); err == nil {
		t.Error("one who has gone already is served")
	}
	client.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	events := kept.Events()
	for i, e := range events {
		if e.Seq != uint64(i+1) || e.Layer != history.Resource || e.Key == "" || e.Outcome == "" {
			t.Errorf("decision %d was written down as %+v", i+1, e)
		}
	}
	if len(events) < 27 {
		t.Errorf("%d decisions were written down, want at least 27", len(events))
	}
}
