package redisstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore"
)

func TestBadOptions(t *testing.T) {
	for url, want := range map[string]string{
		"":                                     "empty",
		"localhost:6379":                       "scheme",
		"http://localhost":                     "scheme",
		"redis://:secret@[::1":                 "cannot be read",
		"redis://user:sec%ret@localhost":       "cannot be read",
		"redis://:secret/more@localhost:6379":  "cannot be read",
		"redis://:secret@localhost/nine":       "cannot be read",
		"redis://:secret@localhost?db=nine":    "cannot be read",
		"redis://:secret@localhost/0/1":        "cannot be read",
		"redis://u:secret@h?dial_timeout=soon": "cannot be read",
	} {
		_, err := redisstore.New(t.Context(), redisstore.Options{URL: url})
		if !errors.Is(err, driver.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an ErrInvalid with %q", url, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "sec") || strings.Contains(err.Error(), "nine")) {
			t.Errorf("the error shows a part of the URL: %v", err)
		}
	}
	if _, err := redisstore.NewFromClient(t.Context(), nil); !errors.Is(err, driver.ErrInvalid) {
		t.Errorf("a nil client: %v, want ErrInvalid", err)
	}
}

func TestErrorsShowNoSecret(t *testing.T) {
	srv := startServer(t)
	client := srv.client()
	srv.do(client, "ACL", "SETUSER", "worker", "on", ">hunter2", "~*", "&*", "+@all", "-info")
	url := func(password string) string { return fmt.Sprintf("redis://worker:%s@127.0.0.1:%d", password, srv.Port) }

	s, err := redisstore.New(t.Context(), redisstore.Options{URL: url("hunter2")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	_ = s.Close()

	_, err = redisstore.New(t.Context(), redisstore.Options{URL: url("hunter3")})
	if err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("a wrong password: %v", err)
	}
	srv.kill()
	_, err = redisstore.New(t.Context(), redisstore.Options{URL: url("hunter2")})
	if err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("no server: %v", err)
	}
}

func TestNewHeedsCtx(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := redisstore.New(ctx, redisstore.Options{URL: "redis://" + l.Addr().String()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the ctx's error", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestGivenClientStaysOpen(t *testing.T) {
	srv := startServer(t)
	client, me := srv.client(), driver.NewClient()
	s, err := redisstore.NewFromClient(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan driver.Wake, 10)
	if _, err := s.Listen(t.Context(), "job", me.ID(), func(w driver.Wake) { woken <- w }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if w := <-woken; w.Grant.Holder != "" {
		t.Errorf("Close woke with %+v", w)
	}
	if _, err := s.Acquire(t.Context(), request(me, "job")); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("Acquire: %v, want ErrClosed", err)
	}
	if pong, err := srv.do(client, "PING").ToString(); err != nil || pong != "PONG" {
		t.Errorf("the client answers %q, %v", pong, err)
	}
	eventually(t, "end of the store's connection", func() bool {
		list, err := srv.do(client, "CLIENT", "LIST", "TYPE", "pubsub").ToString()
		return err == nil && lines(list) == 0
	})
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	srv := startServer(t)
	before := runtime.NumGoroutine()
	for range 5 {
		s, err := redisstore.New(t.Context(), redisstore.Options{URL: srv.url()})
		if err != nil {
			t.Fatal(err)
		}
		me := driver.NewClient()
		if _, err := s.Listen(t.Context(), "job", me.ID(), func(driver.Wake) {}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Holders(t.Context(), "job"); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "end of all goroutines", func() bool { return runtime.NumGoroutine() <= before })
}

// A client that its owner closes makes the store fail; that is not the store's own
// end.
func TestGivenClientClosed(t *testing.T) {
	srv := startServer(t)
	client, me := srv.client(), driver.NewClient()
	s, err := redisstore.NewFromClient(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	client.Close()
	if _, err := s.Acquire(t.Context(), request(me, "job")); err == nil || errors.Is(err, driver.ErrClosed) {
		t.Errorf("Acquire: %v, want the client's error", err)
	}
	if _, err := s.Listen(t.Context(), "job", me.ID(), func(driver.Wake) {}); err == nil {
		t.Error("Listen succeeds")
	}
}

func TestOldServer(t *testing.T) {
	for _, test := range []struct{ version, want string }{
		{"", "before 6.0"}, {"6.0.16", "6.0.16"}, {"5.9", "5.9"}, {"seven", "none that"},
	} {
		_, err := redisstore.New(t.Context(), redisstore.Options{URL: "redis://" + pretender(t, test.version)})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("version %q: %v, want one about %q", test.version, err, test.want)
		}
	}
	for _, version := range []string{"6.2.0", "7.2.4", "10.0.0"} {
		s, err := redisstore.New(t.Context(), redisstore.Options{URL: "redis://" + pretender(t, version)})
		if err != nil {
			t.Errorf("version %q: %v", version, err)
			continue
		}
		_ = s.Close()
	}
}

// pretender answers as a server of that version does when a client connects; "" is
// one that does not know HELLO.
func pretender(t *testing.T, version string) string {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go pretend(conn, version)
		}
	}()
	return l.Addr().String()
}

func pretend(conn net.Conn, version string) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		answer := "+OK\r\n"
		switch strings.ToUpper(args[0]) {
		case "HELLO":
			answer = fmt.Sprintf("%%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$%d\r\n%s\r\n$5\r\nproto\r\n:3\r\n", len(version), version)
			if version == "" {
				answer = "-ERR unknown command 'HELLO', with args beginning with:\r\n"
			}
		case "CLUSTER":
			answer = "-ERR This instance has cluster support disabled\r\n"
		case "PING":
			answer = "+PONG\r\n"
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) ([]string, error) {
	number := func() (int, error) {
		line, err := r.ReadString('\n')
		if err != nil || len(line) < 3 {
			return 0, errors.Join(err, io.ErrUnexpectedEOF)
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number()
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := number()
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}

// Servers that cannot keep locks are refused at once.
func TestServersThatAreNoMasters(t *testing.T) {
	master := startServer(t)
	replica := startServer(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port))
	sentinel := startSentinel(t, master.Port)
	for _, url := range []string{replica.url(), replica.tcp(), sentinel.tcp(), "redis+sentinel://:1234/sec@host/0"} {
		s, err := redisstore.New(t.Context(), redisstore.Options{URL: url})
		if err == nil {
			_ = s.Close()
			t.Errorf("%s: no error", url)
			continue
		}
		if strings.Contains(err.Error(), "1234") || strings.Contains(err.Error(), "sec@") {
			t.Errorf("%v: shows part of a password", err)
		}
		t.Log(err)
	}
}
