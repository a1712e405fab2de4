package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
	"github.com/go-cachify/cachify/sqlitestore"
)

// Store is a store that was opened.
type Store interface {
	driver.Store
	Close() error
}

// forms is what a URL may be.
const forms = "sqlite:PATH, redis://HOST:PORT/DB, rediss://... or unix:///SOCKET"

// Open opens the store. An error that wraps [driver.ErrInvalid] says that the URL is
// wrong; any other that the store cannot be reached or used. It never shows a
// password.
func (s Settings) Open(ctx context.Context) (Store, error) {
	scheme, rest, ok := strings.Cut(s.URL, ":")
	switch {
	case !ok || scheme == "":
		return nil, s.invalid("it must be a URL: " + forms)
	case scheme == "sqlite":
		return s.openFile(ctx, rest)
	case scheme == "redis", scheme == "rediss", scheme == "unix":
		store, err := redisstore.New(ctx, redisstore.Options{URL: s.URL})
		if errors.Is(err, driver.ErrInvalid) {
			return nil, fmt.Errorf("the store of %s: %w", s.Origin, err)
		}
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", s.Redacted(), err)
		}
		return store, nil
	case strings.ContainsAny(scheme, "/@?"), !strings.HasPrefix(rest, "//"): // it may be a path, or a secret
		return nil, s.invalid("it must be a URL: " + forms)
	}
	return nil, s.invalid(fmt.Sprintf("unknown scheme %q: it must be %s", scheme, forms))
}

// Gone reports whether err says that the store will not answer any more: it has to be
// opened again, or is not what it was. Anything else may be over in a moment.
func Gone(err error) bool {
	for _, end := range []error{
		driver.ErrClosed, sqlitestore.ErrRemoved, sqlitestore.ErrForeign, sqlitestore.ErrVersion, sqlitestore.ErrDamaged,
	} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

func (s Settings) invalid(what string) error {
	return fmt.Errorf("%w: the store of %s: %s", driver.ErrInvalid, s.Origin, what)
}

// openFile opens the store in a file.
func (s Settings) openFile(ctx context.Context, rest string) (Store, error) {
	path := filePath(rest)
	if path == "" {
		return nil, s.invalid("there is no path: it must be like sqlite:/var/lib/cachify.db")
	}
	if s.makeDir {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("the directory of the store: %w; name another store with --store or %s", err, EnvStore)
		}
	}
	store, err := sqlitestore.New(ctx, sqlitestore.Options{Path: path, MustExist: s.OnlyLook && s.Origin == fromFlag})
	if errors.Is(err, fs.ErrNotExist) && s.OnlyLook {
		return nil, fmt.Errorf("store %s: there is no such file; it is made when something is held in it for the first time", s.Redacted())
	}
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.Redacted(), err)
	}
	return store, nil
}

// IsAbsent reports whether the store is a file that is not there yet.
func (s Settings) IsAbsent() bool {
	rest, ok := strings.CutPrefix(s.URL, "sqlite:")
	if !ok {
		return false
	}
	_, err := os.Stat(filePath(rest))
	return errors.Is(err, fs.ErrNotExist)
}

// filePath takes the path out of what stands behind "sqlite:"; "//" and "///" before
// it are as in other URLs. Empty: there is none.
func filePath(rest string) string {
	if p, ok := strings.CutPrefix(rest, "//"); ok {
		if !strings.HasPrefix(p, "/") {
			return "" // sqlite://host/path
		}
		return p
	}
	return rest
}

// Redacted is the URL with what may be shown of it: no user, password or parameters.
func (s Settings) Redacted() string {
	if rest, ok := strings.CutPrefix(s.URL, "sqlite:"); ok {
		return "sqlite:" + filePath(rest)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "of " + s.Origin
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	if u.Opaque != "" {
		u.Opaque = "..."
	}
	return u.String()
}
