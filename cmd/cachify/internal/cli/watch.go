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
	"github.com/go-cachify/cachify/cmd/cachify/internal/store"
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
What comes and goes between two looks is not seen. While the store does not answer, it
is asked again; the last line of the screen, or one on stderr, says so.`,
		Example: `  cachify watch deploy --json`,
		Args:    atMostOne("key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd, nil)
			if err != nil {
				return err
			}
			defer s.close(cmd.Context())
			look := func(ctx context.Context) ([]entry, error) { return s.look(ctx, "", strings.Join(args, "")) }
			if asJSON || !term.IsTerminal(int(a.out.Fd())) {
				return watch(cmd.Context(), look, &changeLines{app: a, asJSON: asJSON})
			}
			return a.watchScreen(cmd.Context(), look, printable(strings.Join(args, "")))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs: a line for each change")
	return cmd
}

// viewer shows what a watch sees.
type viewer interface {
	// see gets what is held now.
	see(all []entry) error

	// miss gets why it is not known at the moment.
	miss(why error) error
}

// watch shows v what look sees, now and at each interval, until ctx ends. A store that
// does not answer is asked again: a watch is most useful while something is wrong.
func watch(ctx context.Context, look func(context.Context) ([]entry, error), v viewer) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		all, err := look(ctx)
		switch {
		case err == nil:
			err = v.see(all)
		case passing(ctx, err):
			err = v.miss(err)
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

// passing reports whether another look may succeed.
func passing(ctx context.Context, err error) bool {
	e := (*exit.Error)(nil)
	return ctx.Err() == nil && errors.As(err, &e) && e.Code == exit.Unavailable && !store.Gone(err)
}

// changeLines is a viewer that writes a line for each change.
type changeLines struct {
	app    *app
	asJSON bool
	before []entry
	missed bool // the last look was in vain
}

func (l *changeLines) see(after []entry) error {
	if l.missed {
		l.missed = false
		exit.Say(l.app.err, "the store answers again")
	}
	for _, c := range changes(time.Now(), l.before, after) {
		if err := l.write(c); err != nil {
			return written(err)
		}
	}
	l.before = after
	return nil
}

func (l *changeLines) write(c change) error {
	if !l.asJSON {
		_, err := fmt.Fprintln(l.app.out, c)
		return err
	}
	e := json.NewEncoder(l.app.out)
	e.SetEscapeHTML(false)
	return e.Encode(c)
}

// miss says it once, until there is an answer. What it says is not among the changes,
// which programs read.
func (l *changeLines) miss(why error) error {
	if !l.missed {
		l.missed = true
		exit.Say(l.app.err, "%s; it is asked again until it answers", why)
	}
	return nil
}

// screen is a viewer that draws the table in place.
type screen struct {
	app   *app
	which string    // is watched; empty: all
	last  []string  // what was drawn; nil: there was no answer yet
	at    time.Time // of the last answer
}

func (s *screen) see(all []entry) error {
	s.last, s.at = table(all, s.which), time.Now()
	return s.app.draw(s.last, "")
}

// miss leaves what was seen, and says how old it is.
func (s *screen) miss(why error) error {
	trouble := exit.Line(why.Error())
	if s.last != nil {
		trouble = "as of " + s.at.Format("15:04:05") + "  " + trouble
	}
	return s.app.draw(s.last, trouble)
}

// errQuit is why a watch ends that the user has ended.
var errQuit = errors.New("q was typed")

// watchScreen draws the table in place.
func (a *app) watchScreen(outer context.Context, look func(context.Context) ([]entry, error), which string) error {
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
	err := watch(ctx, look, &screen{app: a, which: which})
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

// draw draws lines from the top of the screen, as far as there is room, and below them
// what is wrong, if anything is.
func (a *app) draw(lines []string, trouble string) error {
	w, h := defaultWidth, 24
	if tw, th, err := term.GetSize(int(a.out.Fd())); err == nil && tw > 0 && th > 1 {
		w, h = tw, th
	}
	foot := fmt.Sprintf("%s  q ends", time.Now().Format("15:04:05"))
	if more := len(lines) - (h - 1); more > 0 {
		lines = lines[:h-1]
		foot = fmt.Sprintf("and %d lines more  %s", more, foot)
	}
	if trouble != "" {
		foot += "  " + trouble
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
