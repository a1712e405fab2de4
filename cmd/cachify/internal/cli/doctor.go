package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
)

// finding is one of the doctor's, for programs.
type finding struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Node     string `json:"node,omitempty"`
	Problem  string `json:"problem"`
	Advice   string `json:"advice"`
}

// report is what the doctor says, for programs.
type report struct {
	Store    string    `json:"store"`
	Origin   string    `json:"origin"`
	Prefix   string    `json:"prefix"`
	Examined bool      `json:"examined"` // false: the store only answers
	Findings []finding `json:"findings"`
}

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "doctor",
		GroupID: groupLook,
		Short:   "Examine the store: does it answer, is it set up safely",
		Long: `Says which store is used and who said so, whether it answers, and what about it is
not safe, with advice. The exit code is 1 if that is a danger: leases can be lost
while everything works. Nothing is changed.`,
		Example: `  cachify doctor --store redis://localhost:6379`,
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, found, err := a.examine(cmd)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.writeJSON(r)
			} else {
				err = a.showReport(r)
			}
			if err != nil {
				return written(err)
			}
			if len(found) > 0 && found[0].Severity >= cachify.SeverityDanger {
				return exit.Silent(exit.Failure)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return cmd
}

// examine asks the store. The findings are those of the report, the worst first.
func (a *app) examine(cmd *cobra.Command) (report, []cachify.Finding, error) {
	s, err := a.open(cmd, nil)
	if err != nil {
		return report{}, nil, err
	}
	ctx := cmd.Context()
	defer s.close(ctx)
	if err := s.Ping(ctx); err != nil {
		return report{}, nil, failure(ctx, err)
	}
	r := report{
		Store: s.settings.Redacted(), Origin: s.settings.Origin, Prefix: s.settings.Prefix,
		Examined: true, Findings: []finding{},
	}
	found, err := s.Examine(ctx)
	switch {
	case errors.Is(err, cachify.ErrUnsupported):
		r.Examined = false
	case err != nil:
		return report{}, nil, failure(ctx, err)
	}
	for _, f := range found {
		r.Findings = append(r.Findings, finding{f.Severity.String(), f.Code, f.Node, f.Problem, f.Advice})
	}
	return r, found, nil
}

func (a *app) writeJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (a *app) showReport(r report) error {
	text := &strings.Builder{}
	fmt.Fprintf(text, "store   %s (from %s)\nprefix  %q\n", r.Store, r.Origin, r.Prefix)
	switch {
	case !r.Examined:
		text.WriteString("It answers. There is nothing about its set-up to examine.\n")
	case len(r.Findings) == 0:
		text.WriteString("It answers, and is set up safely.\n")
	}
	for _, f := range r.Findings {
		on := ""
		if f.Node != "" {
			on = " on " + f.Node
		}
		fmt.Fprintf(text, "\n%s: %s%s\n  %s\n  %s\n", f.Severity, f.Code, on, f.Problem, f.Advice)
	}
	_, err := fmt.Fprint(a.out, text.String())
	return err
}
