//go:build !linux || !amd64

package wallclock

import "sync/atomic"

// New returns [ErrUnsupported].
func New() (*Clock, error) { return nil, ErrUnsupported }

func store(p *int64, n int64) { atomic.StoreInt64(p, n) }
