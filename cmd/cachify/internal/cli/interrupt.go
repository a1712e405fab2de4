package cli

import (
	"context"
	"os"
	"os/signal"

	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
	"github.com/go-cachify/cachify/cmd/cachify/internal/run"
)

// interrupted is why a ctx of [interruptible] has ended.
type interrupted struct{ sig os.Signal }

func (e *interrupted) Error() string { return e.sig.String() }

// interruptible returns a ctx that ends by the signals that end a program, with an
// *interrupted as its cause.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	for _, sig := range run.Endings {
		if !signal.Ignored(sig) { // as under nohup: then the child is to ignore it too
			signal.Notify(signals, sig)
		}
	}
	go func() {
		select {
		case sig := <-signals:
			cancel(&interrupted{sig})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// ending is the code to end with if ctx was ended by a signal, as in shells.
func ending(ctx context.Context) (error, bool) {
	if i, ok := context.Cause(ctx).(*interrupted); ok { //nolint:errorlint // the cause is not wrapped
		return exit.Silent(exit.BySignal(i.sig)), true
	}
	return nil, false
}
