package cli

import (
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

// leaseFlags are those of the commands that hold something while a child runs.
type leaseFlags struct {
	wait         patience
	expiry       duration
	minHold      duration
	noKeepAlive  bool
	conflictCode code
}

func (f *leaseFlags) add(cmd *cobra.Command, expiry time.Duration) {
	f.expiry = duration(expiry)
	fs := cmd.Flags()
	fs.VarP(&f.expiry, "expiry", "x", "how long the others have to wait if this process is killed; renewed while\nthe command runs")
	fs.BoolVar(&f.noKeepAlive, "no-keep-alive", false, "do not renew: the command is ended shortly before the expiry")
	fs.VarP(&f.conflictCode, "conflict-exit-code", "E", "the exit code instead of 75 and 124")
}

func (f *leaseFlags) addWait(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.VarP(&f.wait, "wait", "w", "wait in line, for at most this long; without a time: for ever; 0: not at all")
	fs.Lookup("wait").NoOptDefVal = forever
}

func (f *leaseFlags) addMinHold(cmd *cobra.Command) {
	cmd.Flags().Var(&f.minHold, "min-hold", "keep it held for at least this long, also when the command ends sooner")
}

// settle makes the default of the expiry long enough for a minimum hold.
func (f *leaseFlags) settle(cmd *cobra.Command) error {
	switch {
	case !cmd.Flags().Changed("expiry"):
		f.expiry = max(f.expiry, f.minHold)
	case f.minHold > f.expiry:
		return exit.Usagef("--min-hold of %s: it must not be longer than --expiry, %s", f.minHold.String(), f.expiry.String())
	}
	return nil
}

func (f *leaseFlags) lockOptions(wait time.Duration) []cachify.LockOption {
	opts := []cachify.LockOption{cachify.Expiry(time.Duration(f.expiry))}
	if !f.noKeepAlive {
		opts = append(opts, cachify.KeepAlive())
	}
	if f.minHold > 0 {
		opts = append(opts, cachify.MinHold(time.Duration(f.minHold)))
	}
	if wait > 0 {
		opts = append(opts, cachify.Wait(wait))
	}
	return opts
}

func (f *leaseFlags) onceOptions() []cachify.OnceOption {
	opts := []cachify.OnceOption{cachify.Expiry(time.Duration(f.expiry))}
	if !f.noKeepAlive {
		opts = append(opts, cachify.KeepAlive())
	}
	if f.minHold > 0 {
		opts = append(opts, cachify.MinHold(time.Duration(f.minHold)))
	}
	return opts
}

func (f *leaseFlags) poolOptions(wait time.Duration, slots int) []cachify.PoolOption {
	opts := []cachify.PoolOption{cachify.SlotExpiry(time.Duration(f.expiry)), cachify.Slots(slots)}
	if !f.noKeepAlive {
		opts = append(opts, cachify.KeepAlive())
	}
	if wait > 0 {
		opts = append(opts, cachify.Wait(wait))
	}
	return opts
}

// count is a flag's value that is a whole number.
type count int

func (c *count) String() string { return strconv.Itoa(int(*c)) }

// Set parses a value.
func (c *count) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return errors.New("it must be a whole number")
	}
	*c = count(n)
	return nil
}

// Type is what the help calls it.
func (*count) Type() string { return "int" }

// text is a flag's value that is any text. Unlike pflag's own, it is named in the help
// without marks in its description, which shells would show.
type text struct{ value, name string }

func (t *text) String() string { return t.value }

// Set takes a value.
func (t *text) Set(s string) error {
	t.value = s
	return nil
}

// Type is what the help calls it.
func (t *text) Type() string { return t.name }

// code is an exit code as a flag's value.
type code struct {
	n     int
	given bool
}

func (c *code) String() string {
	if !c.given {
		return ""
	}
	return strconv.Itoa(c.n)
}

// Set parses a value.
func (c *code) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 255 {
		return errors.New("an exit code is a number from 0 to 255")
	}
	c.n, c.given = n, true
	return nil
}

// Type is what the help calls it.
func (*code) Type() string { return "code" }
