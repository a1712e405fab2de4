package faultstore

import (
	"errors"
	"fmt"
	"time"
)

// ErrInjected is what an injected error is to errors.Is, unless [Fault.Err] is set.
var ErrInjected = errors.New("injected fault")

// Kind is what happens to a call.
type Kind uint8

// The kinds of faults. For a [Push] see there.
const (
	// None: nothing but the delays. The zero value.
	None Kind = iota

	// Fail: the call fails and does not reach the store.
	Fail

	// LoseReply: the store does it, and the caller gets an error instead of the
	// reply.
	LoseReply

	// Hang: the call does not reach the store, and the caller hears nothing until
	// its ctx ends.
	Hang

	// HangReply: the store does it, but the caller hears nothing until its ctx ends.
	HangReply

	// Late: the caller hears nothing until its ctx ends, and [Fault.After] later the
	// request reaches the store all the same. With no After it does so just before
	// the caller returns.
	Late

	// Stray: the call fails at once, and [Fault.After] later the request reaches the
	// store all the same.
	Stray

	// Duplicate: the call is done, and [Fault.After] later the request reaches the
	// store a second time. The caller gets the first reply, and without delay.
	Duplicate

	// Drop: a push is lost. For a call it is the same as Hang.
	Drop

	kinds
)

var kindNames = [kinds]string{
	"none", "fail", "lose reply", "hang", "hang reply", "late", "stray", "duplicate", "drop",
}

// String returns the name in lower case.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Fault is what happens to one call. The zero Fault: nothing.
type Fault struct {
	// Kind is what happens besides the delays.
	Kind Kind

	// Err is the error of Fail, LoseReply and Stray. nil: one that names the call and
	// is [ErrInjected].
	Err error

	// Before is a delay before anything else. If the caller's ctx ends in it the call
	// does not reach the store, and returns the ctx's error. 0: none.
	Before time.Duration

	// After is a delay after the store has done it and before the caller hears. If
	// the ctx ends in it the caller gets the ctx's error instead of the reply. For
	// Late, Stray and Duplicate it is when the request arrives. 0: none.
	After time.Duration
}

// injectedError is an error that needs no formatting unless somebody reads it.
type injectedError struct {
	kind Kind
	call Call
}

func (e *injectedError) Error() string {
	return fmt.Sprintf("injected fault: %v, call %d of %v", e.kind, e.call.N, e.call.Op)
}

func (e *injectedError) Is(target error) bool { return target == ErrInjected }

func (f Fault) err(c Call) error {
	if f.Err != nil {
		return f.Err
	}
	c.Name, c.Holder = "", ""
	return &injectedError{kind: f.Kind, call: c}
}
