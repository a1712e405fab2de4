package core

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/redisstore/internal/checkup"
)

var _ driver.Doctor = (*Store)(nil)

// Examine tells whether the servers are set up so that leases are safe: eviction,
// persistence, replication, their clocks. docs/guides/redis.md lists the codes of
// what it can find. All nodes of a cluster are examined.
//
// It asks for INFO, TIME, the clock keys and, if it may, two settings by CONFIG GET.
// It takes a quarter of a second, for which it compares the clocks.
func (s *Store) Examine(ctx context.Context) ([]driver.Finding, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	found, err := guarded(ctx, func() ([]driver.Finding, error) {
		servers, err := s.client.Nodes(ctx)
		if err != nil {
			return nil, err
		}
		nodes := make(map[string]checkup.Node)
		for address, server := range servers {
			nodes[address] = examined{server, s.client}
		}
		return checkup.Examine(ctx, nodes)
	})
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	return found, nil
}

// examined is one server that is examined.
type examined struct {
	server Conn
	client Client
}

func (e examined) ask(ctx context.Context, c Command) (Reply, error) {
	r, err := e.server.Do(ctx, c)
	return r, e.refusal(err)
}

// refusal marks the error of a reply: the server has answered.
func (e examined) refusal(err error) error {
	if err != nil && e.client.IsReply(err) {
		return fmt.Errorf("%w: %w", checkup.ErrRefused, err)
	}
	return err
}

func (e examined) Info(ctx context.Context) (string, error) {
	r, err := e.ask(ctx, Command{Name: "INFO"})
	return r.Text, err
}

func (e examined) Config(ctx context.Context, name string) (string, error) {
	r, err := e.ask(ctx, Command{Name: "CONFIG", Args: []string{"GET", name}})
	if err != nil {
		return "", err
	}
	if items, err := r.items(); err != nil || len(items) != 2 {
		return "", checkup.ErrRefused
	}
	return field(r, name), nil
}

func (e examined) Time(ctx context.Context) (time.Time, error) {
	r, err := e.ask(ctx, Command{Name: "TIME"})
	if err != nil {
		return time.Time{}, err
	}
	l := newList(r)
	seconds, errS := strconv.ParseInt(l.string(), 10, 64)
	us, errU := strconv.ParseInt(l.string(), 10, 64)
	if l.err != nil || errS != nil || errU != nil {
		return time.Time{}, checkup.ErrRefused
	}
	return time.Unix(seconds, us*1000), nil
}

// LastFence reads the clocks of all slots. A node of a cluster answers for its own
// slots, and says of the others where they are.
func (e examined) LastFence(ctx context.Context) (int64, error) {
	reads := make([]Command, 0, slots)
	for _, key := range clocks() {
		reads = append(reads, Command{Name: "GET", Key: key})
	}
	last := int64(0)
	for _, r := range e.server.DoAll(ctx, reads) {
		if r.Err != nil && e.client.IsReply(r.Err) && strings.HasPrefix(r.Err.Error(), movedCode) {
			continue
		}
		if r.Err != nil {
			return 0, e.refusal(r.Err)
		}
		if fence, err := strconv.ParseInt(r.Reply.Text, 10, 64); err == nil {
			last = max(last, fence)
		}
	}
	return last, nil
}

// movedCode is the error code of a node that does not have a slot.
const movedCode = "MOVED "
