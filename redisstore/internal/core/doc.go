// Package core is the store on Redis, but for the client: what the keys, scripts,
// replies and pushes are. A client comes in as a [Client].
package core
