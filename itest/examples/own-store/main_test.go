package main

import (
	"os"
	"os/exec"
	"testing"
)

const asMain = "OWN_STORE_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// The store that somebody wrote keeps its promises.
func TestOwnStore(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-rounds", "1", "-round", "5s", "-seed", "1", "-clients", "3", "-report", t.TempDir())
	cmd.Env = append(os.Environ(), asMain+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Error(err)
	}
	t.Logf("\n%s", out)
}
