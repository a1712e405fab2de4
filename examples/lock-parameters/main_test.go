package main

import (
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

const want = `This code is executing under a lock with a timeout of 4 seconds and expiration set to 2 seconds
example-lock is already locked!
example-lock is already locked!
example-lock is already locked!
example-lock is already locked!
This code is acquiring the same lock under the previous one.
`

func TestRun(t *testing.T) {
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdout := os.Stdout
	os.Stdout = out
	defer func() { os.Stdout = stdout }()

	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := run(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took < 2*time.Second || took > 2100*time.Millisecond {
			t.Errorf("it took %v, want 2 s: the first lease's expiry", took)
		}
	})

	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}
