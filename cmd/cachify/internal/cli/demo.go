package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/go-cachify/cachify/cmd/cachify/internal/demo"
	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

// demoWorker is the hidden command of the demo's processes.
const demoWorker = "demo-worker"

func (a *app) demoCommand() *cobra.Command {
	svg := text{name: "FILE"}
	cmd := &cobra.Command{
		Use:     "demo",
		GroupID: groupHelp,
		Short:   "Watch some processes fight for a lock and a pool",
		Long: `Starts a few processes on a store of their own, lets them fight for one lock and for a
pool of three, kills one with -9 in the middle, and draws what happened. Then it checks
that: never two held the lock, never more than three were in the pool, who came first
was served first, and the fences rose. The exit code is 1 if that is not so.

It takes some seconds, needs no set-up, and leaves nothing behind.`,
		Example: `  cachify demo --svg demo.svg`,
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), svg.value) },
	}
	cmd.Flags().Var(&svg, "svg", "draw it into FILE as well, for light and dark pages")
	_ = cmd.MarkFlagFilename("svg", "svg") // the flag is there
	return cmd
}

func (a *app) demoWorkerCommand() *cobra.Command {
	w := demo.Worker{}
	cmd := &cobra.Command{
		Use:    demoWorker,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.Run(cmd.Context(), a.in, a.out); err != nil {
				return exit.Errorf(exit.Failure, "%w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&w.Name, "name", "", "")
	cmd.Flags().StringVar(&w.Store, "file", "", "")
	cmd.Flags().BoolVar(&w.Stay, "stay", false, "")
	return cmd
}

func (a *app) demo(ctx context.Context, svg string) error {
	if svg != "" { // what cannot be written is said before the demo, not instead of its result
		if err := os.WriteFile(svg, nil, 0o666); err != nil { // the umask decides, as for other programs
			return written(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return exit.Errorf(exit.Software, "finding this program: %w", err)
	}
	progress := a.newProgress()
	history, err := demo.Stage{
		Command: func(ctx context.Context, w demo.Worker) *exec.Cmd {
			return exec.CommandContext(ctx, self, demoWorker, "--name", w.Name, "--file", w.Store, fmt.Sprintf("--stay=%t", w.Stay))
		},
		Progress: progress.show,
	}.Play(ctx)
	progress.clear()
	if end, ok := ending(ctx); ok {
		return end
	}
	if err != nil {
		return exit.Errorf(exit.Failure, "the demo: %w", err)
	}
	verdicts := demo.Check(history)
	if err := a.drawn(svg, history, verdicts); err != nil {
		return err
	}
	if !demo.Passed(verdicts) {
		return exit.Errorf(exit.Failure, "the demo: a check has failed, see above")
	}
	return nil
}

// drawn draws it on stdout, and into a file if that has a name.
func (a *app) drawn(svg string, history []demo.Event, verdicts []demo.Verdict) error {
	if svg != "" {
		picture := &bytes.Buffer{}
		if err := demo.SVG(picture, history, verdicts); err != nil {
			return written(err)
		}
		if err := os.WriteFile(svg, picture.Bytes(), 0o666); err != nil {
			return written(err)
		}
	}
	return written(demo.Screen{Width: width(a.out), Color: colored(a.out, a.getenv)}.Draw(a.out, history, verdicts))
}

// defaultWidth is that of what is no terminal.
const defaultWidth = 80

// width is how many characters fit into a line.
func width(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return defaultWidth
}

// colored reports whether to use colours: on a terminal, unless the user does not want
// any (see no-color.org).
func colored(f *os.File, getenv func(string) string) bool {
	return term.IsTerminal(int(f.Fd())) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// progress shows on a terminal, in place, who has what.
type progress struct {
	out  *os.File // nil: show nothing
	lock string
	pool []string
}

func (a *app) newProgress() *progress {
	p := &progress{}
	if term.IsTerminal(int(a.err.Fd())) {
		p.out = a.err
	}
	return p
}

func (p *progress) show(e demo.Event) {
	switch {
	case p.out == nil:
		return
	case e.Kind == demo.Killed:
		p.lock = "a dead one"
		p.drop(e.Worker)
	case e.Kind == demo.In && e.What == demo.Lock:
		p.lock = e.Worker
	case e.Kind == demo.Out && e.What == demo.Lock:
		p.lock = "-"
	case e.Kind == demo.In:
		p.pool = append(p.pool, e.Worker)
	case e.Kind == demo.Out:
		p.drop(e.Worker)
	}
	line := fmt.Sprintf("%s  lock: %s  pool: %s", e.At.Round(100e6), p.lock, strings.Join(p.pool, " "))
	_, _ = fmt.Fprint(p.out, "\r"+clip(line, width(p.out)-1)+"\x1b[K") // what cannot be shown is not shown
}

// drop takes a worker out of the pool.
func (p *progress) drop(worker string) {
	for i, w := range p.pool {
		if w == worker {
			p.pool = append(p.pool[:i], p.pool[i+1:]...)
			return
		}
	}
}

func (p *progress) clear() {
	if p.out != nil {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
	}
}
