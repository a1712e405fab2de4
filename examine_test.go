package cachify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/memstore"
)

func TestExamine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		mem, err := memstore.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		s := faultstore.New(leaky{mem}, nil)
		c := cachify.Must(cachify.New(s, nil))

		found, err := c.Examine(ctx)
		if err != nil || len(found) != 2 || found[0].Code != "eviction" || found[1].Code != "old-version" {
			t.Errorf("Examine = %v, %v, want the worst first", found, err)
		}
		_, err = c.Examine(nilCtx)
		wantErr(t, err, cachify.ErrInvalid)

		broken := errors.New("broken")
		s.SetScript(faultstore.Only(faultstore.Examine, faultstore.Always(faultstore.Fault{Kind: faultstore.Fail, Err: broken})))
		_, err = c.Examine(ctx)
		wantErr(t, err, broken, cachify.ErrStore)
		s.SetScript(faultstore.Always(faultstore.Fault{Kind: faultstore.Hang}))
		_, err = c.Examine(ctx)
		wantErr(t, err, context.DeadlineExceeded, cachify.ErrStore)

		plain := cachify.Must(cachify.New(mem, nil))
		_, err = plain.Examine(ctx)
		wantErr(t, err, cachify.ErrUnsupported)

		_ = c.Close(ctx)
		_, err = c.Examine(ctx)
		wantErr(t, err, cachify.ErrClosed)
		_ = s.Close()
		_ = mem.Close()
	})
}

func TestFindingString(t *testing.T) {
	f := cachify.Finding{Severity: cachify.SeverityWarning, Code: "no-aof", Problem: "p", Advice: "a"}
	if got := f.String(); got != "warning: no-aof: p; a" {
		t.Errorf("the finding is %q", got)
	}
	for s, want := range map[cachify.Severity]string{
		cachify.SeverityInfo: "info", cachify.SeverityWarning: "warning", cachify.SeverityDanger: "danger", 9: "severity 9",
	} {
		if s.String() != want || !strings.Contains(cachify.Finding{Severity: s}.String(), want) {
			t.Errorf("severity %d is %q, want %q", uint8(s), s, want)
		}
	}
}
