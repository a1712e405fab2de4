//go:build unix

package main_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// doctor says which store is used, and who said so. It makes none.
func (h *host) doctor(args ...string) (r struct{ Store, Origin, Prefix string }) {
	h.Helper()
	h.want(h.run(append(append([]string{"lock", "k"}, args...), "--", "true")...), 0, "")
	got := h.run(append([]string{"doctor", "--json"}, args...)...)
	h.want(got, 0, "")
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		h.Fatal(err)
	}
	return r
}

// A flag counts more than a variable, that more than the file, and without any of them
// there is a store of the user's own.
func TestWhichStore(t *testing.T) {
	h := newHost(t)
	h.env = []string{"XDG_CONFIG_HOME=" + h.file("conf"), "XDG_STATE_HOME=" + h.file("state")}

	own := "sqlite:" + h.file("state/cachify/cachify.db")
	if r := h.doctor(); r.Store != own || r.Origin != "default" || r.Prefix != "PYC-" {
		t.Errorf("by default: %+v", r)
	}
	info, err := os.Stat(h.file("state/cachify"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its directory: %v, %v", info, err)
	}

	h.write("conf/cachify/config.json", `{"store": "sqlite:`+h.file("file.db")+`", "prefix": "F-"}`)
	if r := h.doctor(); r.Store != "sqlite:"+h.file("file.db") || r.Origin != h.file("conf/cachify/config.json") || r.Prefix != "F-" {
		t.Errorf("by the file: %+v", r)
	}

	h.env = append(h.env, "CACHIFY_STORE=sqlite://"+h.file("env.db"), "CACHIFY_PREFIX=E-")
	if r := h.doctor(); r.Store != "sqlite:"+h.file("env.db") || r.Origin != "CACHIFY_STORE" || r.Prefix != "E-" {
		t.Errorf("by variables: %+v", r)
	}

	if r := h.doctor("--store", "sqlite:flag.db", "--prefix", ""); r.Store != "sqlite:flag.db" || r.Origin != "--store" || r.Prefix != "" {
		t.Errorf("by flags: %+v", r)
	}
	if _, err := os.Stat(h.file("flag.db")); err != nil {
		t.Error(err)
	}
}

// A mistyped name makes no file, and is not an empty store.
func TestLookingMakesNoFile(t *testing.T) {
	h := newHost(t)
	for _, args := range [][]string{{"ls"}, {"show", "k"}, {"watch"}, {"release", "k"}, {"reset", "k"}, {"doctor"}} {
		h.want(h.run(append(args, "--store", "sqlite:typo.db")...), 69, "no such file")
	}
	if _, err := os.Stat(h.file("typo.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("now there is something: %v", err)
	}
	h.want(h.run("ls"), 0, "") // of the environment: it has not been used yet
}

// Without the directories' own variables they are where each system has them.
func TestHomeDirectories(t *testing.T) {
	h := newHost(t)
	h.env = nil
	h.want(h.run("lock", "k", "--", "true"), 0, "")
	if r := h.doctor(); !strings.HasPrefix(r.Store, "sqlite:"+h.home) || !strings.HasSuffix(r.Store, "/cachify/cachify.db") {
		t.Errorf("got %+v", r)
	}
	cmd := h.command("lock", "k", "--", "true")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	h.want(result{code: h.code(err), err: string(out)}, 64, "there is no home directory for a store: name one with --store")
}

func TestBadConfigFile(t *testing.T) {
	for content, says := range map[string]string{
		`{"stor": "x"}`:              `unknown field "stor"`,
		`store = x`:                  `it must be like {"store": `,
		`{} {}`:                      "there is something behind the object",
		`{"store": "sqlite:rel.db"}`: "the path of the store must be absolute",
	} {
		h := newHost(t)
		h.env = []string{"XDG_CONFIG_HOME=" + h.file("conf")}
		h.write("conf/cachify/config.json", content)
		h.want(h.run("lock", "k", "--", "true"), 64, says)
	}
}

func TestBadStores(t *testing.T) {
	h := newHost(t)
	h.write("text", strings.Repeat("no database. ", 100))
	for _, c := range []struct {
		url  string
		code int
		says string
	}{
		{"", 64, "it must be a URL: sqlite:PATH"},
		{"/some/path", 64, "it must be a URL: sqlite:PATH"},
		{"mysql://user:pa55word@host/db", 64, `unknown scheme "mysql"`},
		{"pa55word:x@host", 64, "it must be a URL"},
		{"pa55word@host:1", 64, "it must be a URL"},
		{"sqlite:", 64, "there is no path"},
		{"sqlite://host/db", 64, "there is no path"},
		{"sqlite:" + h.file("no/such/dir/db"), 69, "no such file or directory"},
		{"sqlite:" + h.file("text"), 69, "not a file of cachify"},
		{"redis://user:pa55word@127.0.0.1:1/0", 69, "store redis://127.0.0.1:1/0: "},
		{"redis://user:pa55word@127.0.0.1:bad/0", 64, "cannot be read"},
		{"redis://:pa55word/%zz@127.0.0.1:1", 64, "cannot be read"},
		{"unix://user:pa55word@" + h.file("none.sock"), 69, "none.sock"},
	} {
		r := h.run("--store", c.url, "lock", "k", "--", "true")
		h.want(r, c.code, c.says)
		if strings.Contains(r.err, "pa55word") {
			t.Errorf("the password is shown: %q", r.err)
		}
	}
	if h.read("text") != strings.Repeat("no database. ", 100) {
		t.Error("a foreign file was changed")
	}
}
