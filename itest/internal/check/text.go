package check

import (
	"fmt"
	"strings"

	"github.com/go-cachify/cachify/itest/internal/history"
)

// text says in one line what was asked and answered.
func (o *op) text() string {
	c, r := o.call, o.ret
	var b strings.Builder
	fmt.Fprintf(&b, "%s by %s", c.Op, c.Client)
	if c.Holder != "" {
		fmt.Fprintf(&b, " for %s", c.Holder)
	}
	if c.TTL != 0 {
		fmt.Fprintf(&b, ", ttl %v", c.TTL)
	}
	if c.If != "" {
		fmt.Fprintf(&b, ", if %s %d", c.If, c.Version)
	}
	fmt.Fprintf(&b, ": %s", o.outcome())
	if r.Fence != 0 {
		fmt.Fprintf(&b, ", fence %d", r.Fence)
	}
	if r.Version != 0 {
		fmt.Fprintf(&b, ", version %d", r.Version)
	}
	if o.outcome() == history.OK && (c.Op == opLook || c.Op == opHolders) {
		fmt.Fprintf(&b, ", %v and %d waiting", r.Grants, r.Waiting)
	}
	return b.String()
}
