package itest

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The exit codes of Main.
const (
	exitViolation   = 1   // a promise was broken
	exitUsage       = 2   // the command line is wrong, or the run cannot be made
	exitInterrupted = 130 // by Ctrl-C or SIGTERM, and until then no promise was broken
)

// options are what the command line says, and what the process that directs the run has
// to know besides.
type options struct {
	Store    string
	Duration time.Duration
	Round    time.Duration
	Rounds   int
	First    int
	Seed     uint64
	Clients  int
	Faults   []string
	Report   string
	FailFast bool

	Work   string // the directory for what is under way
	Mounts bool   // whether file systems may be mounted
}

// Main makes a run as the command line says, "-help" tells how, and ends the program: with
// 0 if every promise was kept, 1 if one was broken, 2 if the command line is wrong or no
// run can be made, 130 if it was interrupted before that. It never returns. It has to be
// the first thing that a program does: the client processes are the same program once
// more, and begin there too.
//
// Without -store the run is on the first of the engines.
func Main(engines ...Engine) {
	os.Exit(exec1(engines, os.Args[1:], os.Stderr)) //nolint:forbidigo // it is the main function of a program
}

func exec1(engines []Engine, args []string, stderr io.Writer) int {
	if err := validate(engines); err != nil {
		return complain(stderr, err)
	}
	if len(args) == 3 && args[0] == roleArgument {
		err := play(engines, args[1], args[2])
		var ended *exitError
		switch {
		case errors.As(err, &ended):
			return ended.code
		case err != nil:
			return complain(stderr, err)
		}
		return 0
	}
	o, err := parse(engines, args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return exitUsage // parse has said why
	}
	code, err := supervise(engines, o, stderr)
	if err != nil {
		return complain(stderr, err)
	}
	return code
}

func complain(w io.Writer, err error) int {
	_, _ = fmt.Fprintln(w, "itest:", strings.TrimPrefix(err.Error(), "itest: "))
	return exitUsage
}

// exitError has the process end with a code and no further word.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

func validate(engines []Engine) error {
	if len(engines) == 0 {
		return errors.New("Main needs an Engine")
	}
	var names []string
	for _, e := range engines {
		if err := e.validate(); err != nil {
			return err
		}
		if slices.Contains(names, e.Name) {
			return fmt.Errorf("there are two engines %q", e.Name)
		}
		names = append(names, e.Name)
	}
	return nil
}

func engineNamed(engines []Engine, name string) (Engine, bool) {
	i := slices.IndexFunc(engines, func(e Engine) bool { return e.Name == name })
	if i < 0 {
		return Engine{}, false
	}
	return engines[i], true
}

func parse(engines []Engine, args []string, stderr io.Writer) (options, error) {
	var names []string
	for _, e := range engines {
		names = append(names, e.Name)
	}
	o := options{}
	var faults string
	f := flag.NewFlagSet("itest", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.Store, "store", names[0], "which `engine`: "+strings.Join(names, ", "))
	f.DurationVar(&o.Duration, "duration", time.Minute, "how long to go on beginning rounds")
	f.DurationVar(&o.Round, "round", 12*time.Second, "how long clients work in a round")
	f.IntVar(&o.Rounds, "rounds", 0, "how many rounds at most; 0: as many as there is time for")
	f.IntVar(&o.First, "first", 1, "the `number` of the first round; with the seed of a run it makes one of its rounds again")
	f.Uint64Var(&o.Seed, "seed", 0, "what all rounds come from; 0: one at random, which is printed")
	f.IntVar(&o.Clients, "clients", 4, "how many clients work at a time")
	f.StringVar(&faults, "faults", "", "the only `kinds` of faults, with commas: kill,stop,clock and what the engine has; none: no faults")
	f.BoolVar(&o.FailFast, "failfast", false, "end after the first round with a violation")
	f.StringVar(&o.Report, "report", "itest-report", "the `directory` for what shows a violation; it is made then")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if faults != "" {
		o.Faults = strings.Split(faults, ",")
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64() >> 12 // short enough to type
	}
	err := o.check(engines, f.Args())
	if err != nil {
		complain(stderr, err)
	}
	return o, err
}

func (o *options) check(engines []Engine, rest []string) (err error) {
	_, known := engineNamed(engines, o.Store)
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is no flag", rest[0])
	case !known:
		return fmt.Errorf("-store %s: there is no such engine", o.Store)
	case o.Round < 2*time.Second:
		return fmt.Errorf("-round %v: it must be at least 2s", o.Round)
	case o.Duration <= 0:
		return fmt.Errorf("-duration %v: it must be positive", o.Duration)
	case o.Clients < 1 || o.Clients > 100:
		return fmt.Errorf("-clients %d: from 1 to 100", o.Clients)
	case o.First < 1 || o.Rounds < 0:
		return errors.New("-first begins at 1, and -rounds at 0")
	}
	o.Report, err = filepath.Abs(o.Report)
	return err
}

// supervise has a process of its own direct the run, and cleans up behind it, however it
// ends.
func supervise(engines []Engine, o options, stderr io.Writer) (code int, err error) {
	if o.Work, err = os.MkdirTemp("", "itest"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.Work)) }()
	e, _ := engineNamed(engines, o.Store)
	s := newStarter()
	defer s.close()
	o.Mounts = e.Mounts
	cmd, err := startDirector(s, o, stderr)
	if err != nil && o.Mounts { // it may be that nobody but root may mount
		o.Mounts = false
		cmd, err = startDirector(s, o, stderr)
	}
	if err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case <-signals:
			_ = cmd.Process.Signal(syscall.SIGTERM)
		case err := <-done:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // if it has left anybody
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.Exited() {
				return exit.ExitCode(), nil
			}
			return 0, err
		}
	}
}

func startDirector(s *starter, o options, stderr io.Writer) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, roleArgument, roleRun, string(text)) //nolint:noctx // it ends with its parent, and by signals
	cmd.Stderr = stderr
	ownSystem(cmd, o.Mounts)
	return cmd, s.start(cmd)
}
