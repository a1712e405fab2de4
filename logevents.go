package cachify

import (
	"context"
	"log/slog"
)

// LogEvents returns Events that write to logger. What goes as planned, a refusal
// included, is logged at debug, with py-cachify's words where it has some
// ("KEY is already locked!"); what may need somebody's attention at warn. Hits,
// misses and renewals are not logged. A nil logger is slog.Default() at the time
// of the call.
func LogEvents(logger *slog.Logger) *Events {
	if logger == nil {
		logger = slog.Default()
	}
	l := eventLogger{logger}
	return &Events{
		Acquired:      l.lease(slog.LevelDebug, "lease acquired"),
		Released:      l.lease(slog.LevelDebug, "lease released"),
		RenewalFailed: l.lease(slog.LevelWarn, "lease renewal failed, will be tried again"),
		Lost:          l.lease(slog.LevelWarn, "lease lost"),
		Expired:       l.lease(slog.LevelWarn, "lease expired while held"),
		Refused:       l.wait(alreadyLocked),
		Waiting:       l.wait(alreadyLocked),
		TimedOut:      l.wait(func(key string) string { return "gave up waiting for " + key }),
		Skipped:       l.wait(func(key string) string { return key + " is already running, skipped" }),
		Full:          l.wait(func(key string) string { return key + " is full!" }),
		Loaded:        l.loaded,
		Discarded:     l.cache(slog.LevelDebug, "result not stored: the key changed during the load"),
		Corrupt:       l.cache(slog.LevelWarn, "cached value cannot be read, counts as a miss"),
		Reset:         l.cache(slog.LevelDebug, "cached result reset"),
		StoreFailed: func(e StoreFailedEvent) {
			logger.LogAttrs(context.Background(), slog.LevelWarn, "store failure",
				slog.String("op", e.Op), slog.String("key", e.Key), slog.Any("error", e.Err))
		},
	}
}

type eventLogger struct{ *slog.Logger }

func (l eventLogger) lease(level slog.Level, text string) func(LeaseEvent) {
	return func(e LeaseEvent) {
		if !l.Enabled(context.Background(), level) {
			return
		}
		attrs := []slog.Attr{
			slog.String("verb", string(e.Verb)), slog.String("key", e.Key),
			slog.String("holder", e.Holder), slog.Uint64("fence", e.Fence), slog.Duration("held", e.Held),
		}
		if e.Err != nil {
			attrs = append(attrs, slog.Any("error", e.Err))
		}
		l.LogAttrs(context.Background(), level, text, attrs...)
	}
}

func (l eventLogger) wait(text func(key string) string) func(WaitEvent) {
	return func(e WaitEvent) {
		if !l.Enabled(context.Background(), slog.LevelDebug) {
			return
		}
		l.LogAttrs(context.Background(), slog.LevelDebug, text(e.Key),
			slog.String("verb", string(e.Verb)), slog.String("key", e.Key),
			slog.String("holder", e.Holder), slog.Duration("waited", e.Waited))
	}
}

func (l eventLogger) cache(level slog.Level, text string) func(CacheEvent) {
	return func(e CacheEvent) {
		attrs := []slog.Attr{slog.String("key", e.Key)}
		if e.Err != nil {
			attrs = append(attrs, slog.Any("error", e.Err))
		}
		l.LogAttrs(context.Background(), level, text, attrs...)
	}
}

func (l eventLogger) loaded(e LoadEvent) {
	level, attrs := slog.LevelDebug, []slog.Attr{slog.String("key", e.Key), slog.Duration("took", e.Took)}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("error", e.Err))
	}
	l.LogAttrs(context.Background(), level, "cached function ran", attrs...)
}
