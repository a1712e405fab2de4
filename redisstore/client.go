package redisstore

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-cachify/cachify/redisstore/internal/core"
)

// conn is a client, or the part of it that goes to one server, as the store knows
// it.
type conn struct{ client rueidis.Client }

func (c conn) Do(ctx context.Context, cmd core.Command) (core.Reply, error) {
	return reply(c.client.Do(undated{ctx}, c.build(cmd)))
}

func (c conn) DoAll(ctx context.Context, commands []core.Command) []core.Result {
	built := make([]rueidis.Completed, len(commands))
	for i, cmd := range commands {
		built[i] = c.build(cmd)
	}
	results := make([]core.Result, len(commands))
	for i, r := range c.client.DoMulti(undated{ctx}, built...) {
		results[i].Reply, results[i].Err = reply(r)
	}
	return results
}

func (c conn) build(cmd core.Command) rueidis.Completed {
	b := c.client.B().Arbitrary(cmd.Name)
	if cmd.Key != "" {
		b = b.Keys(cmd.Key)
	}
	return b.Args(cmd.Args...).Build()
}

// adapter is a client as the store knows it.
type adapter struct{ conn }

var _ core.Client = adapter{}

func (c adapter) Run(ctx context.Context, s *core.Script, keys, args []string) (core.Reply, error) {
	r := c.client.Do(undated{ctx},
		c.client.B().Evalsha().Sha1(s.SHA()).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
	if e, isReply := rueidis.IsRedisErr(r.Error()); isReply && e.IsNoScript() {
		r = c.client.Do(undated{ctx},
			c.client.B().Eval().Script(s.Source()).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
	}
	return reply(r)
}

// Do sends one command. What has no key, any server of a cluster may answer: one after
// the other is asked until one does. The client itself would choose at random, also an
// address of the URL where nobody is.
func (c adapter) Do(ctx context.Context, cmd core.Command) (r core.Reply, err error) {
	if cmd.Key != "" || !c.isCluster() {
		return c.conn.Do(ctx, cmd)
	}
	err = rueidis.ErrNoSlot // no nodes
	for _, node := range c.client.Nodes() {
		if r, err = (conn{node}).Do(ctx, cmd); err == nil || c.IsReply(err) || ctx.Err() != nil {
			break
		}
	}
	return r, err
}

func (c adapter) isCluster() bool { return c.client.Mode() == rueidis.ClientModeCluster }

// EachMaster skips the replicas of a cluster, of which the client knows too.
func (c adapter) EachMaster(ctx context.Context, f func(context.Context, core.Conn) error) error {
	if !c.isCluster() {
		return f(ctx, c.conn)
	}
	for _, node := range c.client.Nodes() {
		replica, err := core.IsReplica(ctx, conn{node})
		if err == nil && !replica {
			err = f(ctx, conn{node})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c adapter) Nodes(context.Context) (map[string]core.Conn, error) {
	nodes := make(map[string]core.Conn)
	for address, node := range c.client.Nodes() {
		nodes[address] = conn{node}
	}
	return nodes, nil
}

func (c adapter) IsReply(err error) bool {
	_, isReply := rueidis.IsRedisErr(err)
	return isReply
}

// HeedsCtx is true, but for the time in which the client connects. Of a cluster nothing
// says that it is connected: the answers may be those of other servers than the one
// that is asked next.
func (c adapter) HeedsCtx() bool { return !c.isCluster() }

// reply reads a result.
func reply(r rueidis.RedisResult) (core.Reply, error) {
	m, err := r.ToMessage()
	if err != nil {
		if rueidis.IsRedisNil(err) {
			return core.Reply{}, nil
		}
		return core.Reply{}, err
	}
	return replyOf(&m), nil
}

func replyOf(m *rueidis.RedisMessage) core.Reply {
	switch {
	case m.IsInt64():
		n, _ := m.ToInt64()
		return core.Reply{Kind: core.Int, Int: n}
	case m.IsString():
		s, _ := m.ToString()
		return core.Reply{Kind: core.Text, Text: s}
	case m.IsArray():
		return replyOfArray(m)
	case m.IsMap():
		return replyOfMap(m)
	case m.IsNil():
		return core.Reply{}
	}
	if s, err := m.ToString(); err == nil { // a verbatim string
		return core.Reply{Kind: core.Text, Text: s}
	}
	return core.Reply{Kind: core.Other}
}

func replyOfArray(m *rueidis.RedisMessage) core.Reply {
	array, _ := m.ToArray()
	if len(array) == 2 && array[0].IsString() && array[1].IsInt64() {
		s, _ := array[0].ToString()
		n, _ := array[1].ToInt64()
		return core.Reply{Kind: core.Pair, Text: s, Int: n}
	}
	items := make([]core.Reply, len(array))
	for i := range array {
		items[i] = replyOf(&array[i])
	}
	return core.Reply{Kind: core.List, List: items}
}

func replyOfMap(m *rueidis.RedisMessage) core.Reply {
	entries, _ := m.AsMap()
	items := make([]core.Reply, 0, 2*len(entries))
	for key, value := range entries {
		items = append(items, core.Reply{Kind: core.Text, Text: key}, replyOf(&value))
	}
	return core.Reply{Kind: core.List, List: items}
}

// undated is a ctx that ends at its deadline but does not tell it. The client sets
// a deadline that it knows on the connection itself, and then does not notice an
// earlier end of the ctx; and when it passes, the connection is lost with all the
// requests of others on it.
type undated struct{ context.Context }

func (undated) Deadline() (time.Time, bool) { return time.Time{}, false }
