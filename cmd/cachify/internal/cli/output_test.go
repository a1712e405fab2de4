package cli

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// slowWriter lets nothing through until it is free.
type slowWriter struct {
	begun chan struct{} // gets one for each write
	free  chan struct{}
	bytes.Buffer
}

func (w *slowWriter) Write(p []byte) (int, error) {
	w.begun <- struct{}{}
	<-w.free
	return w.Buffer.Write(p)
}

// What a child has written before it ended because of a signal is shown, also to who
// reads slowly.
func TestRecorderHearsLastWords(t *testing.T) {
	to := &slowWriter{begun: make(chan struct{}, 10), free: make(chan struct{})}
	r, err := newRecorder(to, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		if _, err := r.stdout.in.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	say("one\n")
	<-to.begun
	say("two\n")
	stop, ended := make(chan struct{}), make(chan error)
	close(stop)
	go func() {
		out, err := r.finish(stop)
		if err == nil && len(out.Parts) != 1 {
			t.Errorf("got %d parts", len(out.Parts))
		}
		ended <- err
	}()
	select { // longer than it takes to give up at once
	case err := <-ended:
		t.Fatalf("it ended before all was read: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(to.free)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := to.String(); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
}
