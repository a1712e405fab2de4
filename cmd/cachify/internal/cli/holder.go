package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-cachify/cachify"
)

// who says in words who holds something.
type who struct {
	Host string
	PID  string
}

// parseHolder takes a holder string of the library apart: "host:pid:random/number".
func parseHolder(id string) (who, bool) {
	parts := strings.SplitN(id, ":", 3)
	if len(parts) != 3 {
		return who{}, false
	}
	return who{Host: parts[0], PID: parts[1]}, true
}

// nameOf says who a holder string is.
func nameOf(id string) string {
	if w, ok := parseHolder(id); ok {
		return printable("pid " + w.PID + " on " + w.Host) // written by another program
	}
	if id == "" {
		return "another"
	}
	return fmt.Sprintf("%q", id)
}

// describe says who holds something, since when, and until when.
func describe(h cachify.Holder) string {
	text := nameOf(h.ID)
	if h.Foreign {
		text = "a program that is not cachify"
		if h.ID != "" {
			text += fmt.Sprintf(" (%q)", h.ID)
		}
	}
	if h.Age > 0 {
		text += " for " + short(h.Age)
	}
	return text + "; " + leaseEnd(h.TTL)
}

// leaseEnd says how long a lease lasts if nobody renews it.
func leaseEnd(ttl time.Duration) string {
	if ttl == cachify.NoExpiry {
		return "its lease has no end"
	}
	return "its lease ends in " + short(ttl) + " unless renewed"
}

// short is a duration for people: two units at most.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}
