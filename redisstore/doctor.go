package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

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
	nodes := make(map[string]checkup.Node)
	for address, client := range s.client.Nodes() {
		nodes[address] = examined{client}
	}
	found, err := checkup.Examine(ctx, nodes)
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	return found, nil
}

// examined is one server that is examined.
type examined struct{ client rueidis.Client }

// refusal marks the error of a reply: the server has answered.
func refusal(err error) error {
	if _, isReply := rueidis.IsRedisErr(err); isReply {
		return fmt.Errorf("%w: %w", checkup.ErrRefused, err)
	}
	return err
}

func (e examined) Info(ctx context.Context) (string, error) {
	text, err := e.client.Do(undated{ctx}, e.client.B().Info().Build()).ToString()
	return text, refusal(err)
}

func (e examined) Config(ctx context.Context, name string) (string, error) {
	told, err := e.client.Do(undated{ctx}, e.client.B().ConfigGet().Parameter(name).Build()).AsStrMap()
	if err != nil {
		return "", refusal(err)
	}
	value, ok := told[name]
	if !ok {
		return "", checkup.ErrRefused
	}
	return value, nil
}

func (e examined) Time(ctx context.Context) (time.Time, error) {
	told, err := e.client.Do(undated{ctx}, e.client.B().Time().Build()).AsStrSlice()
	if err != nil {
		return time.Time{}, refusal(err)
	}
	if len(told) != 2 {
		return time.Time{}, checkup.ErrRefused
	}
	seconds, errS := strconv.ParseInt(told[0], 10, 64)
	us, errU := strconv.ParseInt(told[1], 10, 64)
	if errS != nil || errU != nil {
		return time.Time{}, checkup.ErrRefused
	}
	return time.Unix(seconds, us*1000), nil
}

// isElsewhere reports whether a node of a cluster says that another one has the key.
func isElsewhere(err error) bool {
	reason, isReply := rueidis.IsRedisErr(err)
	if !isReply {
		return false
	}
	_, moved := reason.IsMoved()
	return moved
}

// LastFence reads the clocks of all slots. A node of a cluster answers for its own
// slots, and says of the others where they are.
func (e examined) LastFence(ctx context.Context) (int64, error) {
	reads := make([]rueidis.Completed, 0, slots)
	for _, tag := range slotTags() {
		reads = append(reads, e.client.B().Get().Key(tag+clockSuffix).Build())
	}
	last := int64(0)
	for _, reply := range e.client.DoMulti(undated{ctx}, reads...) {
		text, err := reply.ToString()
		if rueidis.IsRedisNil(err) || isElsewhere(err) {
			continue
		}
		if err != nil {
			return 0, refusal(err)
		}
		if fence, err := strconv.ParseInt(text, 10, 64); err == nil {
			last = max(last, fence)
		}
	}
	return last, nil
}
