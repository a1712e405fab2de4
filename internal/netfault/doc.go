// Package netfault is a proxy between clients and a server that does to their
// connections what networks do: it cuts them, refuses them, makes them slow, lets
// bytes vanish while the connection seems to live, and loses exactly one reply. It
// knows nothing of protocols. It is for tests, of this module and of its siblings.
//
// It is code of our own because the proxy that others use for this, toxiproxy, would
// bring 109 modules, runs its faults by chance or by the clock, and cannot tell one
// request from another: what tests of a lock need is that the reply to this one
// request is lost, and no other.
package netfault
