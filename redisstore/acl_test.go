package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
	"github.com/go-cachify/cachify/storetest"
)

// leastRights is what a user needs who works with the prefix "APP-", as the guide
// shows it.
const leastRights = `
redis-cli ACL SETUSER cachify on '>PASSWORD' -@all resetkeys resetchannels \
  '~APP-*' '~{APP-*}:cachify:*' '~{*}APP-*:cachify:*' '~{*}:cachify:clock' \
  '&APP-*:cachify:line:*' '&{APP-*}:cachify:line:*' '&{*}APP-*:cachify:line:*' \
  +evalsha +eval +script|load +time +get +set +del +exists +pttl +pexpire +pexpireat +persist +getrange \
  +zadd +zrem +zcount +zscore +zrange +zrangebyscore +zrevrangebyscore \
  +hget +hset +hdel +hmget +hincrby \
  +publish +subscribe +unsubscribe +scan +ping +info
`

// What it needs besides: on a cluster, for another database than 0, for copies, and to let
// Examine see all settings.
const (
	clusterRights  = "+cluster|slots +cluster|shards"
	databaseRights = "+select"
	nearRights     = "+client|tracking +client|caching +multi +exec"
	settingsRights = "+config|get"
)

// rights returns the words of leastRights from "on".
func rights() []string {
	text := strings.NewReplacer("'", "", "\\\n", " ", "PASSWORD", "secret").Replace(leastRights)
	return strings.Fields(text)[4:]
}

// setUser gives the user these rights and no others.
func (s *server) setUser(c rueidis.Client, rights []string) {
	s.t.Helper()
	s.do(c, append([]string{"ACL", "SETUSER", "cachify", "reset"}, rights...)...)
}

// asUser is the server's URL for that user.
func (s *server) asUser() string { return fmt.Sprintf("redis://cachify:secret@127.0.0.1:%d", s.Port) }

// denied returns what the server has refused to the user, as "reason object".
func (s *server) denied(c rueidis.Client) []string {
	s.t.Helper()
	entries, err := s.do(c, "ACL", "LOG", "100").ToArray()
	if err != nil {
		s.t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		fields, err := e.AsStrMap()
		if err != nil {
			s.t.Fatal(err)
		}
		if fields["username"] == "cachify" {
			list = append(list, fields["reason"]+" "+fields["object"])
		}
	}
	return list
}

// The whole suite runs with no more than the rights that the guide lists.
func TestConformanceWithLeastRights(t *testing.T) {
	srv := startServer(t)
	client := srv.client()
	srv.setUser(client, rights())
	h := harness(srv.asUser(), srv.asUser()+"?protocol=2")
	first, second := h.New, h.Second
	wrap := func(s driver.Store, cleanup func() error, err error) (driver.Store, func() error, error) {
		if err != nil {
			return nil, nil, err
		}
		return prefixed{s.(*redisstore.Store), "APP-"}, cleanup, nil
	}
	h.New = func(ctx context.Context) (driver.Store, func() error, error) { return wrap(first(ctx)) }
	h.Second = func(ctx context.Context, s driver.Store) (driver.Store, func() error, error) {
		return wrap(second(ctx, s))
	}
	h.Close = func(s driver.Store) error { return s.(prefixed).Close() }
	t.Run("suite", func(t *testing.T) { storetest.Run(t, h) })
	for _, what := range srv.denied(client) {
		if !withoutHarm(what) {
			t.Errorf("the server has refused %s", what)
		}
	}
}

// withoutHarm tells whether it does not matter that the server has refused that: the
// client asks for more than it needs when it connects, and Examine for settings.
func withoutHarm(what string) bool {
	for _, command := range []string{"cluster", "client", "config"} {
		if strings.HasPrefix(what, "command "+command) {
			return true
		}
	}
	return false
}

// What needs a right of its own, in a database and in a cluster.
func TestRightsForMore(t *testing.T) {
	t.Run("database", func(t *testing.T) {
		srv := startServer(t)
		admin, url := srv.client(), srv.asUser()+"/3"
		srv.setUser(admin, rights())
		if s, err := redisstore.New(t.Context(), redisstore.Options{URL: url}); err == nil {
			_ = s.Close()
			t.Error("SELECT is not needed")
		}
		srv.setUser(admin, append(rights(), strings.Fields(databaseRights)...))
		srv.works(t, url)
	})
	t.Run("cluster", func(t *testing.T) {
		srv := startServer(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t)))
		admin := srv.client()
		srv.addSlots(admin)
		srv.setUser(admin, append(rights(), strings.Fields(clusterRights)...))
		srv.works(t, srv.asUser())
		for _, what := range srv.denied(admin) {
			if !strings.HasPrefix(what, "command config") {
				t.Errorf("the server has refused %s", what)
			}
		}
	})
	t.Run("near cache", func(t *testing.T) {
		srv := startServer(t)
		admin := srv.client()
		srv.setUser(admin, append(rights(), strings.Fields(nearRights)...))
		s, err := redisstore.New(t.Context(), redisstore.Options{URL: srv.asUser(), NearCache: &redisstore.NearCache{}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		srv.do(admin, "SET", "APP-key", "x")
		if !has(t, s, "APP-key", "x") {
			t.Error("no record")
		}
		srv.do(admin, "SET", "APP-key", "y")
		eventually(t, "message", func() bool { return has(t, s, "APP-key", "y") })
	})
	t.Run("settings", func(t *testing.T) {
		srv := startServer(t)
		admin := srv.client()
		srv.setUser(admin, append(rights(), strings.Fields(settingsRights)...))
		srv.works(t, srv.asUser())
		for _, what := range srv.denied(admin) {
			if strings.HasPrefix(what, "command config") {
				t.Errorf("the server has refused %s", what)
			}
		}
	})
}

// works does with the server at url what a program may do.
func (s *server) works(t *testing.T, url string) {
	t.Helper()
	store, err := redisstore.New(t.Context(), redisstore.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	for _, step := range rightsSteps(s, s.client()) {
		if err := step.do(t.Context(), store); err != nil {
			t.Errorf("%s: %v", step.what, err)
		}
	}
}

// rightsStep is something that a program does.
type rightsStep struct {
	what string
	do   func(ctx context.Context, s *redisstore.Store) error
}

// rightsSteps need each right of the list.
func rightsSteps(srv *server, admin rueidis.Client) []rightsStep {
	me := driver.NewClient()
	lockNames := []string{"APP-lock", "APP-{tag}-lock", "APP-{}-lock"}
	steps := []rightsStep{
		{"running a script that is not known yet", func(ctx context.Context, s *redisstore.Store) error {
			srv.do(admin, "SCRIPT", "FLUSH")
			_, err := s.Acquire(ctx, request(me, "APP-first"))
			return err
		}},
		{"records", func(ctx context.Context, s *redisstore.Store) error {
			v, err := s.Save(ctx, "APP-record", []byte("x"), driver.Write{TTL: time.Minute})
			if err != nil {
				return err
			}
			if _, err := s.Load(ctx, "APP-record"); err != nil {
				return err
			}
			return s.Delete(ctx, "APP-record", v)
		}},
	}
	for _, name := range lockNames {
		steps = append(steps, rightsStep{"a lock that is handed over on " + name, func(ctx context.Context, s *redisstore.Store) error {
			return handOver(ctx, s, me, name, 1)
		}})
	}
	return append(steps,
		rightsStep{"a pool that is handed over", func(ctx context.Context, s *redisstore.Store) error {
			return handOver(ctx, s, me, "APP-pool", 2)
		}},
		rightsStep{"a lock that lasts for ever", func(ctx context.Context, s *redisstore.Store) error {
			g, err := s.Acquire(ctx, request(me, "APP-ever"))
			if err != nil {
				return err
			}
			if g, err = s.Extend(ctx, g, driver.NoExpiry); err != nil {
				return err
			}
			return s.Release(ctx, g)
		}},
		rightsStep{"Names", func(ctx context.Context, s *redisstore.Store) error {
			if _, err := s.Acquire(ctx, request(me, "APP-named")); err != nil {
				return err
			}
			names, err := s.Names(ctx, "APP-named", 10)
			if err == nil && len(names) != 1 {
				err = fmt.Errorf("Names lists %q", names)
			}
			return err
		}},
		rightsStep{"Ping", func(ctx context.Context, s *redisstore.Store) error { return s.Ping(ctx) }},
		rightsStep{"Examine", func(ctx context.Context, s *redisstore.Store) error {
			found, err := s.Examine(ctx)
			if err == nil && slices.ContainsFunc(found, func(f driver.Finding) bool { return f.Code == "not-examined" }) {
				err = errors.New("something is not examined")
			}
			return err
		}},
	)
}

// handOver does everything with a lock or pool that can be done with it.
func handOver(ctx context.Context, s *redisstore.Store, me *driver.Client, name string, limit int) error {
	woken := make(chan driver.Wake, 100)
	stop, err := s.Listen(ctx, name, me.ID(), func(w driver.Wake) { woken <- w })
	if err != nil {
		return err
	}
	defer stop()
	g, err := s.Acquire(ctx, slots(me, name, limit, limit, time.Minute))
	if err != nil {
		return err
	}
	first, second := slots(me, name, limit, 1, time.Minute), slots(me, name, limit, 1, time.Minute)
	for _, req := range []driver.AcquireRequest{first, second} {
		if _, err := s.Enqueue(ctx, req, time.Minute); !errors.Is(err, driver.ErrHeld) {
			return fmt.Errorf("Enqueue: %w", err)
		}
	}
	if g, err = s.Extend(ctx, g, time.Hour); err != nil {
		return err
	}
	if o, err := s.Holders(ctx, name); err != nil || o.Waiting != 2 {
		return fmt.Errorf("Holders tells %+v, %w", o, err)
	}
	if err := s.Leave(ctx, name, second.Holder); err != nil {
		return err
	}
	if err := s.Release(ctx, g); err != nil {
		return err
	}
	if sight, err := s.Look(ctx, name, me.ID(), time.Minute); err != nil || len(sight.Grants) != 1 {
		return fmt.Errorf("Look tells %+v, %w", sight, err)
	}
	if err := s.Evict(ctx, name); err != nil {
		return err
	}
	select {
	case w := <-woken:
		if w.Grant.Holder != first.Holder {
			return fmt.Errorf("a push says %+v", w)
		}
		return nil
	case <-ctx.Done():
		return errors.New("no push was heard")
	}
}

// A right less, and something does not work any more. Without UNSUBSCRIBE a store
// gives the connection up instead, and whether anybody notices is chance; without
// SCRIPT LOAD the first requests are longer.
func TestEachRightIsNeeded(t *testing.T) {
	srv := startServer(t)
	admin := srv.client()
	all := rights()
	steps := rightsSteps(srv, admin)

	// run returns what fails, and what the server refuses while it does.
	run := func(t *testing.T, rights []string, patience time.Duration, done func(denied []string) bool) (failed []string) {
		srv.do(admin, "FLUSHALL")
		srv.setUser(admin, rights)
		srv.do(admin, "ACL", "LOG", "RESET")
		opened, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		s, err := redisstore.New(opened, redisstore.Options{URL: srv.asUser()})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		defer func() { _ = s.Close() }()
		for _, step := range steps {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if err := step.do(ctx, s); err != nil {
				failed = append(failed, step.what+": "+err.Error())
			}
			cancel()
			if len(failed) > 0 && done(srv.denied(admin)) {
				return failed
			}
		}
		return failed
	}

	never := func([]string) bool { return false }
	if failed := run(t, all, 20*time.Second, never); len(failed) > 0 {
		t.Fatalf("with all rights: %q", failed)
	}
	for i, right := range all {
		if !strings.ContainsAny(right[:1], "+~&") {
			continue
		}
		t.Run(right, func(t *testing.T) {
			less := slices.Delete(slices.Clone(all), i, i+1)
			refused := func(denied []string) bool {
				return slices.ContainsFunc(denied, func(what string) bool {
					switch right[0] {
					case '~':
						return strings.HasPrefix(what, "key ")
					case '&':
						return strings.HasPrefix(what, "channel ")
					}
					return what == "command "+right[1:]
				})
			}
			failed := run(t, less, 2*time.Second, refused)
			// What is done in the background is refused a little later.
			eventually(t, "refusal by the server: the right is not needed", func() bool { return refused(srv.denied(admin)) })
			if len(failed) == 0 && right != "+unsubscribe" && right != "+script|load" {
				t.Error("nothing fails without it")
			}
			t.Logf("%q", failed)
		})
	}
}

// The guide shows the same rights.
func TestGuideShowsLeastRights(t *testing.T) {
	guide, err := os.ReadFile("../docs/guides/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{leastRights, "`" + clusterRights + "`", "`" + databaseRights + "`", "`" + settingsRights + "`", "`" + nearRights + "`"} {
		if !strings.Contains(string(guide), text) {
			t.Errorf("docs/guides/redis.md does not show\n%s", text)
		}
	}
}
