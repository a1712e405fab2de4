package driver

import (
	"context"
	"fmt"
)

// Doctor is a store that can tell whether its engine is set up safely.
type Doctor interface {
	// Examine looks at the engine and returns what it found, in any order; nothing
	// if there is nothing to say. It changes nothing. It may take a second or so,
	// and more work than other methods: it is for a person, or for the start of a
	// program, not for each request.
	//
	// The error says that the engine could not be examined at all. What only a part
	// of it did not let be looked at is a Finding.
	Examine(ctx context.Context) ([]Finding, error)
}

// Severity tells how bad a [Finding] is. The larger the worse.
type Severity uint8

// The severities.
const (
	// SeverityInfo: worth knowing; nothing has to be done.
	SeverityInfo Severity = iota + 1

	// SeverityWarning: it is well as long as nothing fails. When a server crashes,
	// restarts, fails over or is full, leases can be lost or not be had; or it could
	// not be found out whether that is so.
	SeverityWarning

	// SeverityDanger: leases, and with them mutual exclusion, can be lost while
	// everything works.
	SeverityDanger
)

// String returns "info", "warning" or "danger".
func (s Severity) String() string {
	switch s {
	case SeverityInfo:
		return "info"
	case SeverityWarning:
		return "warning"
	case SeverityDanger:
		return "danger"
	}
	return fmt.Sprintf("severity %d", uint8(s))
}

// Finding is one thing about an engine that who runs it should know.
type Finding struct {
	Severity Severity // how bad it is

	// Code names what was found, for programs: lower case with hyphens, and the same
	// in later versions. Each store has codes of its own.
	Code string

	// Node is which of the engine's servers it is about, such as its address. Empty
	// if there is only one, or if it is about all.
	Node string

	Problem string // what is the case, and what follows from it
	Advice  string // what to do about it
}

// String returns the finding in one line: "danger: eviction on host:6379: problem;
// advice".
func (f Finding) String() string {
	on := ""
	if f.Node != "" {
		on = " on " + f.Node
	}
	return fmt.Sprintf("%v: %s%s: %s; %s", f.Severity, f.Code, on, f.Problem, f.Advice)
}
