package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

// watchInterval is how often watch looks.
const watchInterval = 500 * time.Millisecond

// change is one difference between two looks, for programs.
type change struct {
	At      time.Time `json:"at"`
	Event   string    `json:"event"` // held, freed or waiting
	Name    string    `json:"name"`
	Key     string    `json:"key"`
	Kind    string    `json:"kind"`
	Waiting int       `json:"waiting"`
	Holder  *holder   `json:"holder,omitempty"` // for held and freed, as it was last seen
}

func (c change) String() string {
	text := fmt.Sprintf("%s %-7s %s (%s)", c.At.Format("15:04:05.000"), c.Event, printable(c.Key), c.Kind)
	if c.Holder != nil {
		by, pid := holderCells(*c.Holder)
		text += fmt.Sprintf(", by pid %s on %s, fence %d", pid, by, c.Holder.Fence)
	}
	return fmt.Sprintf("%s, %d waiting", text, c.Waiting)
}

// changes finds what is different between two looks.
func changes(at time.Time, before, after []entry) []change {
	var all []change
	old, held := byName(before)
	now, still := byName(after)
	for _, e := range before {
		for _, h := range e.Holders {
			if !still[e.Name+"\x00"+h.ID] {
				all = append(all, newChange(at, "freed", e, now[e.Name].Waiting, &h))
			}
		}
		if e.Waiting > 0 && now[e.Name].Name == "" {
			all = append(all, newChange(at, "waiting", e, 0, nil))
		}
	}
	for _, e := range after {
		for _, h := range e.Holders {
			if !held[e.Name+"\x00"+h.ID] {
				all = append(all, newChange(at, "held", e, e.Waiting, &h))
			}
		}
		if e.Waiting != old[e.Name].Waiting {
			all = append(all, newChange(at, "waiting", e, e.Waiting, nil))
		}
	}
	return all
}

func newChange(at time.Time, event string, e entry, waiting int, h *holder) change {
	return change{At: at, Event: event, Name: e.Name, Key: e.Key, Kind: e.Kind, Waiting: waiting, Holder: h}
}

// byName makes maps of all entries, and of the leases in them.
func byName(all []entry) (entries map[string]entry, leases map[string]bool) {
	entries, leases = map[string]entry{}, map[string]bool{}
	for _, e := range all {
		entries[e.Name] = e
		for _, h := range e.Holders {
			leases[e.Name+"\x00"+h.ID] = true
		}
	}
	return entries, leases
}

func (a *app) watchCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "watch [KEY]",
		GroupID: groupLook,
		Short:   "Watch who holds what, live",
		Long: `Shows all that is held, or what is held under KEY, and looks twice a second; q or Ctrl-C
ends it. On a pipe it writes a line for each change instead, and with --json an object:
at, event (held, freed, waiting), name, key, kind, waiting, and holder as of "ls --json".
What comes and goes between two looks is not seen.`,
		Example: `  cachify watch deploy --json`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd, nil)
			if err != nil {
				return err
			}
			defer s.close(cmd.Context())
			look := func(ctx context.Context) ([]entry, error) { return s.look(ctx, "", strings.Join(args, "")) }
			if asJSON || !term.IsTerminal(int(a.out.Fd())) {
				return a.watchLines(cmd.Context(), look, asJSON)
			}
			return a.watchScreen(cmd.Context(), look)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs: a line for each change")
	return cmd
}

// each calls do with what look sees, now and at each interval, until ctx ends.
func each(ctx context.Context, look func(context.Context) ([]entry, error), do func([]entry) error) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		all, err := look(ctx)
		if err == nil {
			err = do(all)
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return failure(ctx, ctx.Err())
		}
	}
}

// watchLines writes a line for each change.
func (a *app) watchLines(ctx context.Context, look func(context.Context) ([]entry, error), asJSON bool) error {
	var before []entry
	lines := json.NewEncoder(a.out)
	lines.SetEscapeHTML(false)
	return each(ctx, look, func(after []entry) error {
		for _, c := range changes(time.Now(), before, after) {
			var err error
			if asJSON {
				err = lines.Encode(c)
			} else {
				_, err = fmt.Fprintln(a.out, c)
			}
			if err != nil {
				return written(err)
			}
		}
		before = after
		return nil
	})
}

// errQuit is why a watch ends that the user has ended.
var errQuit = errors.New("q was typed")

// watchScreen draws the table in place.
func (a *app) watchScreen(outer context.Context, look func(context.Context) ([]entry, error)) error {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	if fd := int(a.in.Fd()); term.IsTerminal(fd) {
		if before, err := term.MakeRaw(fd); err == nil {
			defer func() { _ = term.Restore(fd, before) }()
			go keys(a.in, cancel)
		}
	}
	// Another screen, without a cursor, so that nothing is left behind on the first one.
	_, _ = fmt.Fprint(a.out, "\x1b[?1049h\x1b[?25l")
	defer func() { _, _ = fmt.Fprint(a.out, "\x1b[?25h\x1b[?1049l") }()
	err := each(ctx, look, func(all []entry) error { return a.draw(table(all)) })
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errQuit):
		return nil
	case errors.Is(cause, errInterrupt):
		return exit.Silent(exit.BySignal(os.Interrupt))
	}
	return err
}

// errInterrupt is Ctrl-C, which is a key like others while the keys are read.
var errInterrupt = errors.New("interrupted")

// keys reads what is typed. It ends with the program.
func keys(in *os.File, cancel context.CancelCauseFunc) {
	for buf := make([]byte, 1); ; {
		if _, err := in.Read(buf); err != nil {
			return
		}
		switch buf[0] {
		case 'q', 'Q':
			cancel(errQuit)
		case '\x03':
			cancel(errInterrupt)
		}
	}
}

// draw draws lines from the top of the screen, as far as there is room.
func (a *app) draw(lines []string) error {
	w, h := defaultWidth, 24
	if tw, th, err := term.GetSize(int(a.out.Fd())); err == nil && tw > 0 && th > 1 {
		w, h = tw, th
	}
	foot := fmt.Sprintf("%s  q ends", time.Now().Format("15:04:05"))
	if more := len(lines) - (h - 1); more > 0 {
		lines = lines[:h-1]
		foot = fmt.Sprintf("and %d lines more  %s", more, foot)
	}
	text := &strings.Builder{}
	text.WriteString("\x1b[H")
	for _, line := range lines {
		text.WriteString(clip(line, w) + "\x1b[K\r\n")
	}
	text.WriteString(clip(foot, w) + "\x1b[K\x1b[J")
	_, err := fmt.Fprint(a.out, text.String())
	return written(err)
}
