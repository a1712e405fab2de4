package main

// An aim is what a number should be.
type aim struct {
	what  string
	bound bound
	found func(d *Data) (spread, bool)

	// floor is what can be reached at most or at least, as far as it was measured, and
	// why says what it is. nil: not known.
	floor func(d *Data) (spread, bool)
	why   string
}

// A bound is a limit that a number must not pass.
type bound struct {
	limit float64
	below bool   // at most, not at least
	unit  string // "×" or none
}

func atLeast(x float64) bound     { return bound{x, false, " ×"} }
func atMost(x float64) bound      { return bound{x, true, " ×"} }
func atMostPlain(x float64) bound { return bound{x, true, ""} }

func (b bound) String() string {
	if b.below {
		return "≤ " + number(b.limit) + b.unit
	}
	return "≥ " + number(b.limit) + b.unit
}

// holds tells whether x is within.
func (b bound) holds(x float64) bool {
	if b.below {
		return x <= b.limit
	}
	return x >= b.limit
}

// over is the ratio of what was measured of two rows, round by round.
func over(group, of, to string) func(d *Data) (spread, bool) {
	return func(d *Data) (spread, bool) {
		g := d.group(group)
		a, b := g.row(of), g.row(to)
		if a == nil || b == nil {
			return spread{}, false
		}
		return ratio(a, b), true
	}
}

// column is what was measured of a row; with an empty key what the group is about.
func column(group, row, key string) func(d *Data) (spread, bool) {
	return func(d *Data) (spread, bool) {
		r := d.group(group).row(row)
		if r == nil {
			return spread{}, false
		}
		xs := r.Values
		if key != "" {
			xs = r.Besides[key]
		}
		if len(xs) == 0 {
			return spread{}, false
		}
		return spreadOf(xs), true
	}
}

// aimRows are the rows of the table of aims.
func (d *Data) aimRows() [][]string {
	var rows [][]string
	for _, a := range aims {
		s, ok := a.found(d)
		if !ok {
			continue
		}
		met := "**no**"
		if a.bound.holds(s.median) {
			met = "yes"
		}
		floor := ""
		if a.floor != nil {
			if f, ok := a.floor(d); ok {
				floor = number(f.median) + a.bound.unit + ": " + a.why
			}
		}
		rows = append(rows, []string{a.what, a.bound.String(), number(s.median) + a.bound.unit, number(s.min) + " – " + number(s.max), met, floor})
	}
	return rows
}
