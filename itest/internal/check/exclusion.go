package check

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-cachify/cachify/itest/internal/history"
)

var exclusion = Rule{
	Name:  "exclusion",
	Doc:   "who believes to hold a lock or a guard is alone, and a pool's believed leases together take no more slots than it has",
	Check: checkExclusion,
}

func checkExclusion(events []history.Event, cfg Config, r *Result) {
	all := holds(events)
	for _, key := range sortedKeys(all) {
		r.Histories++
		for _, v := range overlaps(key, all[key]) {
			r.overlap(v, cfg)
		}
	}
}

// overlap takes down what [Config.MayLose] may excuse.
func (r *Result) overlap(v Violation, cfg Config) {
	if cfg.MayLose {
		r.Overlaps = append(r.Overlaps, v)
	} else {
		r.Violations = append(r.Violations, v)
	}
}

// overlaps goes through the holds of one key in the order of their beginnings. Each of
// them that finds too many slots taken is one violation.
func overlaps(key string, all []*hold) []Violation {
	all = slices.DeleteFunc(slices.Clone(all), func(h *hold) bool { return h.end <= h.begin })
	slices.SortStableFunc(all, func(a, b *hold) int { return cmp.Compare(a.begin, b.begin) })
	var found []Violation
	var active []*hold
	for _, h := range all {
		active = slices.DeleteFunc(active, func(a *hold) bool { return a.end <= h.begin })
		active = append(active, h)
		slots, limit := 0, h.limit
		for _, a := range active {
			slots += a.slots
			limit = min(limit, a.limit)
		}
		if slots > limit {
			found = append(found, tooMany(key, active, slots, limit))
		}
	}
	return found
}

func tooMany(key string, active []*hold, slots, limit int) Violation {
	var events []history.Event
	from, to := active[len(active)-1].begin, active[0].end
	for _, h := range active {
		events = append(events, h.events...)
		to = min(to, h.end)
	}
	v := violation("exclusion", key, history.Sorted(events), "%d leases of %d slots together are believed at a time, the limit is %d: %s",
		len(active), slots, limit, describe(active))
	v.From, v.To = from, to
	return v
}

func describe(holds []*hold) string {
	parts := make([]string, len(holds))
	for i, h := range holds {
		parts[i] = h.first().client + " " + h.holder
	}
	return strings.Join(parts, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
