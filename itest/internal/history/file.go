package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
)

// File is a Sink that outlives its process: each event is written at once, as one line
// of JSON, so that of a process which is killed only the event under way is missing.
type File struct {
	mu sync.Mutex
	f  *os.File
}

// Create makes the file, which must not exist yet.
func Create(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &File{f: f}, nil
}

// Add implements [Sink]. It panics if it cannot write: a history with gaps proves
// nothing.
func (w *File) Add(e Event) {
	line, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("history: %v", err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.f.Write(append(line, '\n')); err != nil {
		panic(fmt.Sprintf("history: %v", err))
	}
}

// Close closes the file.
func (w *File) Close() error { return w.f.Close() }

// Read returns the events of the files together, in the order of time. An unfinished
// last line is what a killed process leaves, and is passed over.
func Read(paths ...string) ([]Event, error) {
	var all []Event
	for _, path := range paths {
		events, err := readFile(path)
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	return Sorted(all), nil
}

func readFile(path string) ([]Event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var events []Event
	r := bufio.NewReaderSize(f, 1<<16)
	for n := 1; ; n++ {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		var e Event
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&e); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		events = append(events, e)
	}
}

// Sorted returns the events in the order of time; those of one time in the order in
// which they were given, which is that of their client.
func Sorted(events []Event) []Event {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b Event) int {
		switch {
		case a.T < b.T:
			return -1
		case a.T > b.T:
			return 1
		}
		return 0
	})
	return sorted
}
