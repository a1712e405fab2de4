package history

import (
	"sync"
	"sync/atomic"
	"time"
)

// Sink keeps events. Safe for concurrent use.
type Sink interface{ Add(Event) }

// Recorder writes down what one client sees. Safe for concurrent use.
type Recorder struct {
	client string
	now    func() time.Duration
	sink   Sink
	ids    atomic.Uint64
}

// NewRecorder returns a recorder for the client of that name, which has to be unique in
// the history. now is the clock that all its clients share.
func NewRecorder(client string, now func() time.Duration, sink Sink) *Recorder {
	return &Recorder{client: client, now: now, sink: sink}
}

// Now reads the clock.
func (r *Recorder) Now() time.Duration { return r.now() }

// Call writes down that an operation is about to begin, and returns the ID for its end.
func (r *Recorder) Call(e Event) (id uint64) {
	return r.add(e, Call, r.ids.Add(1))
}

// Return writes down that the operation has ended.
func (r *Recorder) Return(id uint64, e Event) { r.add(e, Return, id) }

// Note writes down something that has no duration.
func (r *Recorder) Note(e Event) { r.add(e, Note, r.ids.Add(1)) }

func (r *Recorder) add(e Event, p Phase, id uint64) uint64 {
	e.T, e.Client, e.Phase, e.ID = r.now(), r.client, p, id
	r.sink.Add(e)
	return id
}

// Memory is a Sink for a history within one process. The zero value is empty.
type Memory struct {
	mu     sync.Mutex
	events []Event
}

// Add implements [Sink].
func (m *Memory) Add(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
}

// Events returns what was added, in the order of time.
func (m *Memory) Events() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Sorted(m.events)
}
