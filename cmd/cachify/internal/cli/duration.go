package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/driver"
)

// duration is a flag's value: as Go writes it, or a plain number of seconds.
type duration time.Duration

// String is for the help: empty if there is no default.
func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

// Set parses a value.
func (d *duration) Set(s string) error {
	v, err := parseDuration(s)
	if err != nil {
		return err
	}
	if v < driver.MinTTL || v > driver.MaxTTL {
		return errors.New("it must be from 1ms to 100 years")
	}
	*d = duration(v)
	return nil
}

// Type is what the help calls it.
func (*duration) Type() string { return "duration" }

// forever is what --wait means without a value.
const forever = "forever"

// patience is the value of --wait. 0: do not wait.
type patience time.Duration

func (p *patience) String() string {
	switch time.Duration(*p) {
	case 0:
		return ""
	case cachify.Forever:
		return forever
	}
	return time.Duration(*p).String()
}

// Set parses a value.
func (p *patience) Set(s string) error {
	if s == forever {
		*p = patience(cachify.Forever)
		return nil
	}
	d, err := parseDuration(s)
	if err != nil {
		return err
	}
	if d != 0 && (d < time.Millisecond || d > driver.MaxTTL) {
		return errors.New("it must be 0, from 1ms to 100 years, or nothing: for ever")
	}
	*p = patience(d)
	return nil
}

// Type is what the help calls it.
func (*patience) Type() string { return "duration" }

// parseDuration reads "1m30s", or "90" and "0.5" as seconds.
func parseDuration(s string) (time.Duration, error) {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, nil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > driver.MaxTTL.Seconds() {
		return 0, fmt.Errorf("it must be a time like 30s, 1.5h or 90 (seconds), not %q", s)
	}
	return time.Duration(n * float64(time.Second)), nil
}

// joinWait makes "--wait=5s" of "-w 5s", "--wait 5s" and "-w5s", which the parser of
// flags cannot: for a flag that may stand alone, it takes what follows for an
// argument. Only a time is taken for its value, and nothing from "--" on.
func joinWait(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil || cmd.Flags().Lookup("wait") == nil {
		return args
	}
	out := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return append(out, args[i:]...)
		case (arg == "-w" || arg == "--wait") && i+1 < len(args) && isPatience(args[i+1]):
			i++
			out = append(out, "--wait="+args[i])
			continue
		}
		if value, ok := strings.CutPrefix(arg, "-w"); ok && isPatience(value) {
			arg = "--wait=" + value
		}
		out = append(out, arg)
	}
	return out
}

func isPatience(s string) bool {
	p := patience(0)
	return p.Set(s) == nil
}
