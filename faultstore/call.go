package faultstore

import "fmt"

// Op is a method of a store, or a push.
type Op uint8

// The operations, named as the methods are.
const (
	Acquire Op = iota
	Extend
	Release
	Holders
	Evict
	Load
	Save
	Delete
	Enqueue
	Look
	Leave
	Listen
	LoadObject
	SaveObject
	Names
	Ping

	// Push is one call of the wake function that Listen was given. Before and After
	// both delay it; Drop loses it; Duplicate delivers it at once, or rather after
	// Before, and again After later; None, Late and Stray deliver it once; all other
	// kinds lose it. Without a delay it is delivered in the goroutine in which the
	// inner store made it.
	Push

	// Examine is that of [driver.Doctor].
	Examine

	ops
)

var opNames = [ops]string{
	"Acquire", "Extend", "Release", "Holders", "Evict", "Load", "Save", "Delete",
	"Enqueue", "Look", "Leave", "Listen", "LoadObject", "SaveObject", "Names", "Ping", "Push", "Examine",
}

// String returns the name of the method, or Push.
func (o Op) String() string {
	if o < ops {
		return opNames[o]
	}
	return fmt.Sprintf("op %d", uint8(o))
}

// changes tells whether the operation, done once more or too late, can change
// anything.
func (o Op) changes() bool {
	switch o {
	case Holders, Load, LoadObject, Names, Ping, Examine, Listen:
		return false
	}
	return true
}

// Call is one call of a store, as a [Script] sees it.
type Call struct {
	Op Op // which method

	// Name is the lease's name, the record's key or, for Names, the prefix. It is
	// valid only during the call of the script.
	Name string

	// Holder is the holder, for Look and Listen the client, for Push the holder of
	// the grant. Empty if the operation has none.
	Holder string

	// N is how many calls of this Op there were so far, with this one: the first has
	// 1. Calls whose ctx had already ended are not counted, and get no fault.
	N int
}
