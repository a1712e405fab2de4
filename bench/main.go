package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if os.Getenv(roleVariable) != "" {
		err = serve(ctx, roles, os.Stdin, os.Stdout)
	} else {
		err = run(ctx, os.Args[1:], os.Stdout)
	}
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	docs := flags.String("docs", "docs", "the `directory` to write "+pageName+" and its charts to")
	only := flags.String("only", ".", "measure only groups whose id matches this `regexp`; what is measured is printed, and written nowhere")
	again := flags.Bool("render", false, "measure nothing: make the page and its charts of the data that is there")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *again {
		d, err := readData(dataFile(*docs))
		if err != nil {
			return err
		}
		return d.render(*docs)
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	d, err := measure(ctx, wanted, false, out)
	if err != nil || *only != "." {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dataFile(*docs)), 0o755); err != nil {
		return err
	}
	if err := d.write(dataFile(*docs)); err != nil {
		return err
	}
	return d.render(*docs)
}

// measure makes all groups whose id is wanted, and tells out what they say.
func measure(ctx context.Context, wanted *regexp.Regexp, brief bool, out io.Writer) (*Data, error) {
	start := time.Now()
	d := &Data{Date: start, Machine: thisMachine()}
	d.Machine.Load[0] = loadNow()
	for _, e := range groups {
		if !wanted.MatchString(e.id) {
			continue
		}
		begun := time.Now()
		var g *Group
		if err := perform(ctx, brief, func(l *lab) { g = e.make(l) }); err != nil {
			return nil, fmt.Errorf("%s: %w", e.id, err)
		}
		g.ID = e.id
		d.Groups = append(d.Groups, g)
		g.print(out, time.Since(begun))
	}
	if len(d.Groups) == 0 {
		return nil, errors.New("no group has such an id")
	}
	d.Machine.Load[1] = loadNow()
	d.Took = time.Since(start)
	return d, nil
}
