package check

import "github.com/go-cachify/cachify/itest/internal/history"

var nothingLeft = Rule{
	Name: "nothing-left",
	Doc:  "when all clients are gone and all leases over, nobody holds a key and nobody waits for one",
	Check: func(events []history.Event, cfg Config, r *Result) {
		last := make(map[string]*op)
		for _, o := range only(ops(events, history.Seam), opHolders) {
			if o.call.T >= cfg.End && o.outcome() == history.OK {
				last[o.key] = o
			}
		}
		for _, key := range sortedKeys(last) {
			o := last[key]
			if n := len(o.ret.Grants); n > 0 || o.ret.Waiting > 0 {
				r.Violations = append(r.Violations, violation("nothing-left", key, o.events(),
					"in the end there are %d leases and %d places in the queue", n, o.ret.Waiting))
			}
		}
	},
}
