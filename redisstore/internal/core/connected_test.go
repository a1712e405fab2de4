package core

import (
	"testing"
	"testing/synctest"
	"time"
)

// A connection that was idle may be gone, and the client would dial anew whatever the
// request's ctx says: then the request is guarded again.
func TestConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{heeds: true, made: time.Now()}
		for range enoughAnswers {
			if s.connected() {
				t.Fatal("connected too early")
			}
			_ = s.noted(t.Context(), nil)
		}
		if !s.connected() {
			t.Error("never connected")
		}
		<-time.After(idle)
		if s.connected() {
			t.Error("connected after a time of silence")
		}
		_ = s.noted(t.Context(), nil)
		if !s.connected() {
			t.Error("one answer does not do")
		}
	})
}
