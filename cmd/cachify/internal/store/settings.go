// Package store finds out which store to use, and opens it.
package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/go-cachify/cachify"
)

// The variables that are looked at.
const (
	EnvStore  = "CACHIFY_STORE"
	EnvPrefix = "CACHIFY_PREFIX"
)

// fromFlag is the origin of what the command line says.
const fromFlag = "--store"

// Flags are what the command line says. nil: nothing.
type Flags struct {
	Store  *string
	Prefix *string
}

// Settings say which store to use, and who said so.
type Settings struct {
	URL    string // may contain a password: see Redacted
	Prefix string // may be empty

	// Origin is where URL comes from, for people: "--store", "CACHIFY_STORE", the name
	// of the config file, or "default".
	Origin string

	// OnlyLook keeps Open from making a file whose name stands on the command line,
	// where it is easily mistyped.
	OnlyLook bool

	makeDir bool // of the file, because it is ours
}

// file is the config file.
type file struct {
	Store  *string `json:"store"`
	Prefix *string `json:"prefix"`
}

// Resolve finds the settings: a flag counts more than a variable, and that more than
// the config file. Without any of them, it is a file in the user's state directory.
// An empty variable is as none.
func Resolve(flags Flags, getenv func(string) string) (Settings, error) {
	path, cfg, err := readFile(getenv)
	if err != nil {
		return Settings{}, err
	}
	s := Settings{Prefix: cachify.DefaultPrefix}
	switch prefix := getenv(EnvPrefix); {
	case flags.Prefix != nil:
		s.Prefix = *flags.Prefix
	case prefix != "":
		s.Prefix = prefix
	case cfg.Prefix != nil:
		s.Prefix = *cfg.Prefix
	}
	switch url := getenv(EnvStore); {
	case flags.Store != nil:
		s.URL, s.Origin = *flags.Store, fromFlag
	case url != "":
		s.URL, s.Origin = url, EnvStore
	case cfg.Store != nil:
		s.URL, s.Origin = *cfg.Store, path
		if p, ok := strings.CutPrefix(s.URL, "sqlite:"); ok && !filepath.IsAbs(filePath(p)) {
			return s, fmt.Errorf("%s: the path of the store must be absolute: "+
				"a relative one would be another store in each directory", path)
		}
	default:
		dir, err := stateDir(getenv)
		if err != nil {
			return s, err
		}
		s.URL, s.Origin, s.makeDir = "sqlite:"+filepath.Join(dir, "cachify.db"), "default", true
	}
	return s, nil
}

// readFile reads the config file, if there is one.
func readFile(getenv func(string) string) (path string, cfg file, err error) {
	dir := configDir(getenv)
	if dir == "" {
		return "", cfg, nil
	}
	path = filepath.Join(dir, "config.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // such as a home of /dev/null
		return path, cfg, nil
	}
	if err != nil {
		return path, cfg, fmt.Errorf("the config file: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&cfg); err != nil {
		return path, cfg, fmt.Errorf("%s: %w: it must be like {\"store\": \"redis://host:6379\", \"prefix\": \"PYC-\"}", path, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return path, cfg, fmt.Errorf("%s: there is something behind the object", path)
	}
	return path, cfg, nil
}

// configDir is where the config file is; empty: there is no such place.
func configDir(getenv func(string) string) string {
	return userDir(getenv, "XDG_CONFIG_HOME", ".config", "AppData")
}

// stateDir is where the default store is.
func stateDir(getenv func(string) string) (string, error) {
	dir := userDir(getenv, "XDG_STATE_HOME", ".local/state", "LocalAppData")
	if dir == "" {
		return "", fmt.Errorf("there is no home directory for a store: name one with --store or %s", EnvStore)
	}
	return dir, nil
}

// userDir is cachify's directory of one kind: in the directory that the variable xdg
// names, or else where each system has it.
func userDir(getenv func(string) string, xdg, below, windows string) string {
	if dir := getenv(xdg); filepath.IsAbs(dir) {
		return filepath.Join(dir, "cachify")
	}
	home, parts := getenv("HOME"), []string{filepath.FromSlash(below)}
	switch runtime.GOOS {
	case "windows":
		home, parts = getenv(windows), nil
	case "darwin":
		parts = []string{"Library", "Application Support"}
	}
	if !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, filepath.Join(parts...), "cachify")
}
