package cachify

import (
	"context"
	"errors"
	"fmt"
)

var errNilFunc = fmt.Errorf("%w: the function is nil", ErrInvalid)

// run calls fn under the lease and gives the lease back, also if fn panics. What
// the release says is joined to what fn returned.
func (l *Lease) run(ctx context.Context, fn func(context.Context) error) (err error) {
	under, done := l.under(ctx)
	defer func() {
		done()
		if released := l.Release(ctx); err == nil {
			err = released
		} else if released != nil {
			err = errors.Join(err, released)
		}
	}()
	return fn(under)
}
