package main

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

// The commands that the benchmark takes for those of clients are those that MONITOR
// shows as such.
func TestCommandsAreCounted(t *testing.T) {
	err := perform(t.Context(), true, func(l *lab) {
		srv := l.redis()
		for _, p := range append([]*redisPeer{cachifyPeer, redsyncRueidisPeer}, lockPeers...) {
			shown := monitor(t, srv)
			before := srv.commands(p.direct...)
			s := l.contended(srv, p, 2, 100*time.Millisecond)
			counted := srv.commands(p.direct...) - before
			if s.value <= 0 || s.besides["commands"] <= 0 {
				t.Errorf("%s: %+v", p.name, s)
			}
			if n := shown(); n != counted {
				t.Errorf("%s sent %d commands, says INFO, and %d, says MONITOR", p.name, counted, n)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// monitor counts what clients send, other than INFO, from the first INFO to the last.
func monitor(t *testing.T, srv *redisServer) (count func() int64) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", srv.addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(conn)
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil || !lines.Scan() {
		t.Fatal(err, lines.Err())
	}
	return func() int64 {
		defer func() { _ = conn.Close() }()
		const last = "the last one"
		if err := srv.client.Do(context.Background(), srv.client.B().Echo().Message(last).Build()).Error(); err != nil {
			t.Fatal(err)
		}
		n, sinceInfo, begun := int64(0), int64(0), false
		for lines.Scan() {
			switch line := lines.Text(); {
			case strings.Contains(line, last):
				return n
			case strings.Contains(line, " lua] "): // a script's
			case strings.Contains(line, `"INFO"`):
				if begun {
					n += sinceInfo
				}
				begun, sinceInfo = true, 0
			default:
				sinceInfo++
			}
		}
		t.Fatalf("MONITOR ended: %v", lines.Err())
		return 0
	}
}
