package core

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-cachify/cachify/driver"
)

// The least version of the server: SET with GET, EXAT and the like.
const (
	leastMajor = 6
	leastMinor = 2
)

// checkServer refuses a server that is too old. HELLO is allowed to everybody who
// has logged in; servers before 6.0 do not know it.
func checkServer(ctx context.Context, client Client) error {
	hello, err := hello(ctx, client)
	if err != nil {
		if !client.IsReply(err) || !isUnknownCommand(err) {
			return fmt.Errorf("redisstore: asking the server for its version: %w", cause(ctx, err))
		}
		return tooOld("before 6.0")
	}
	if field(hello, "mode") == "sentinel" {
		return fmt.Errorf("redisstore: %w: the server is a sentinel: its URL must be like redis+sentinel://host:26379/mymaster", driver.ErrInvalid)
	}
	version := field(hello, "version")
	if version == "" {
		return errors.New("redisstore: the server does not tell its version")
	}
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, errX := strconv.Atoi(major)
	y, errY := strconv.Atoi(minor)
	if errX != nil || errY != nil {
		return fmt.Errorf("redisstore: the server's version %q is none that this package understands", version)
	}
	if x < leastMajor || x == leastMajor && y < leastMinor {
		return tooOld(version)
	}
	return nil
}

// CheckMaster refuses a server that is another one's replica. It is for a client that
// has one server.
func CheckMaster(ctx context.Context, client Client) error {
	hello, err := hello(ctx, client)
	if err != nil {
		if client.IsReply(err) {
			return nil // New tells what is wrong with it
		}
		return fmt.Errorf("redisstore: asking the server for its role: %w", cause(ctx, err))
	}
	if role := field(hello, "role"); role != "" && role != "master" {
		return fmt.Errorf("redisstore: the server is a %s: it must be the master, which alone knows who holds what", role)
	}
	return nil
}

// IsReplica asks a server what it is.
func IsReplica(ctx context.Context, server Conn) (bool, error) {
	hello, err := hello(ctx, server)
	return field(hello, "role") == "replica", err
}

func hello(ctx context.Context, client Conn) (Reply, error) {
	return guarded(ctx, func() (Reply, error) { return client.Do(ctx, Command{Name: "HELLO"}) })
}

// field returns a text in a map, or nothing.
func field(m Reply, name string) string {
	for i := 0; i+1 < len(m.List); i += 2 {
		if m.List[i].Text == name {
			return m.List[i+1].Text
		}
	}
	return ""
}

// isUnknownCommand reads the reply's text: Redis has no code for it.
func isUnknownCommand(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "unknown command")
}

func tooOld(version string) error {
	return fmt.Errorf("redisstore: the server's version is %s: it must be %d.%d or later", version, leastMajor, leastMinor)
}

// preloadTimeout bounds the wait for servers that do not answer a SCRIPT LOAD.
const preloadTimeout = 2 * time.Second

// preload makes the scripts known to all servers, so that after a start not each of
// many requests has to send a script's text. If a server refuses that, or does not
// answer, the text is sent when it is needed. Only the end of ctx is an error.
func preload(ctx context.Context, client Client) error {
	limited, cancel := context.WithTimeout(ctx, preloadTimeout)
	defer cancel()
	loads := make([]Command, len(allScripts))
	for i, s := range allScripts {
		loads[i] = Command{Name: "SCRIPT", Args: []string{"LOAD", s.Source()}}
	}
	_, _ = guarded(limited, func() (struct{}, error) {
		return struct{}{}, client.EachMaster(limited, func(ctx context.Context, server Conn) error {
			server.DoAll(ctx, loads)
			return nil
		})
	})
	return ctx.Err()
}
