package resource

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"sync"

	"github.com/go-cachify/cachify/fence"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// request asks for a write.
type request struct {
	Key    string `json:"key"`
	Fence  uint64 `json:"fence"`
	Holder string `json:"holder"`
}

// reply is the decision on it.
type reply struct {
	Accepted bool `json:"accepted"`
}

// Server guards one resource for each key.
type Server struct {
	rec *history.Recorder

	mu    sync.Mutex // one decision at a time, each written down before the next
	seq   uint64
	gates map[string]*fence.Gate
}

// NewServer returns a server that writes its decisions down with rec.
func NewServer(rec *history.Recorder) *Server {
	return &Server{rec: rec, gates: make(map[string]*fence.Gate)}
}

// Serve answers on l until ctx ends, and closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		running.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = c.Close() })()
			s.talk(c)
		})
	}
}

// talk answers one client until it has gone.
func (s *Server) talk(c net.Conn) {
	defer func() { _ = c.Close() }()
	in, out := json.NewDecoder(bufio.NewReader(c)), json.NewEncoder(c)
	for {
		var r request
		if in.Decode(&r) != nil {
			return
		}
		if err := out.Encode(reply{s.decide(r)}); err != nil {
			return
		}
	}
}

func (s *Server) decide(r request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := s.gates[r.Key]
	if gate == nil {
		gate = new(fence.Gate)
		s.gates[r.Key] = gate
	}
	err := gate.Admit(r.Fence)
	s.seq++
	e := history.Event{
		Layer: history.Resource, Op: history.Write, Verb: history.Lock, Key: r.Key,
		Fence: r.Fence, Holder: r.Holder, Seq: s.seq, Outcome: history.OK,
	}
	if err != nil {
		e.Outcome, e.Error = history.Refused, err.Error()
	}
	s.rec.Note(e)
	return err == nil
}
