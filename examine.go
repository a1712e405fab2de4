package cachify

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/go-cachify/cachify/driver"
)

// Finding is one thing about the store's engine that who runs it should know: how
// bad it is, a code for programs, which server it is about, what the problem is and
// what to do.
type Finding = driver.Finding

// Severity tells how bad a [Finding] is. The larger the worse.
type Severity = driver.Severity

// The severities.
const (
	// SeverityInfo: worth knowing; nothing has to be done.
	SeverityInfo = driver.SeverityInfo

	// SeverityWarning: it is well as long as nothing fails. When a server crashes,
	// restarts, fails over or is full, leases can be lost or not be had; or it could
	// not be found out whether that is so.
	SeverityWarning = driver.SeverityWarning

	// SeverityDanger: leases, and with them mutual exclusion, can be lost while
	// everything works.
	SeverityDanger = driver.SeverityDanger
)

// Examine looks whether the store's engine is set up safely, and returns what it
// found, the worst first; nothing if there is nothing to say. It changes nothing. It
// may take a second or so: it is for a person, or for the start of a program.
//
// The error says that the engine could not be examined at all; what only a part of
// it did not let be looked at is a finding. [ErrUnsupported]: the store knows
// nothing about its engine, as the in-memory one, which needs no setting up.
func (c *Cachify) Examine(ctx context.Context) ([]Finding, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	k, err := c.ready()
	if err != nil {
		return nil, err
	}
	if k.caps.Doctor == nil {
		return nil, fmt.Errorf("%w: the store cannot tell how its engine is set up", ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, examineTimeout)
	defer cancel()
	found, err := k.caps.Doctor.Examine(ctx)
	if err != nil {
		return nil, k.failure("examine", "", err)
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return found, nil
}

// examineTimeout bounds an examination, which does more than other requests.
const examineTimeout = 6 * storeTimeout
