package workload

import (
	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/itest/internal/history"
)

// Events is what the instance that is given to Run has to be made with: it notes which
// requests the store has left without an answer.
func Events(rec *history.Recorder) *cachify.Events {
	return &cachify.Events{
		StoreFailed: func(e cachify.StoreFailedEvent) {
			rec.Note(history.Event{Layer: history.User, Op: history.Failed, Key: e.Key, Error: e.Op + ": " + e.Err.Error()})
		},
	}
}
