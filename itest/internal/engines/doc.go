// Package engines has the engines of the stores in this repository, and what can happen
// to them.
package engines

import "github.com/go-cachify/cachify/itest"

// All returns all of them.
func All() []itest.Engine { return []itest.Engine{Memory(), SQLite(), Redis()} }
