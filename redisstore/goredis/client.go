package goredis

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/go-cachify/cachify/redisstore/internal/core"
)

// once is a command that the client does not send again.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

func newCommand(ctx context.Context, c core.Command) once {
	args := make([]any, 0, 2+len(c.Args))
	args = append(args, c.Name)
	if c.Key != "" {
		args = append(args, c.Key)
	}
	for _, arg := range c.Args {
		args = append(args, arg)
	}
	return once{redis.NewCmd(ctx, args...)}
}

func (c once) result() (core.Reply, error) {
	switch err := c.Err(); {
	case errors.Is(err, redis.Nil):
		return core.Reply{}, nil
	case err != nil:
		return core.Reply{}, err
	}
	return reply(c.Val()), nil
}

// conn is a client, or the part of it that goes to one server, as the store knows
// it.
type conn struct{ client redis.UniversalClient }

func (c conn) Do(ctx context.Context, command core.Command) (core.Reply, error) {
	return c.process(ctx, newCommand(ctx, command))
}

func (c conn) process(ctx context.Context, cmd once) (core.Reply, error) {
	if err := c.client.Process(ctx, cmd); err != nil && cmd.Err() == nil {
		return core.Reply{}, err // a hook's own
	}
	return cmd.result()
}

func (c conn) DoAll(ctx context.Context, commands []core.Command) []core.Result {
	pipe := c.client.Pipeline()
	sent := make([]once, len(commands))
	for i, command := range commands {
		sent[i] = newCommand(ctx, command)
		_ = pipe.Process(ctx, sent[i]) // it only joins the others
	}
	_, _ = pipe.Exec(ctx) // the error is that of a command
	results := make([]core.Result, len(commands))
	for i, cmd := range sent {
		results[i].Reply, results[i].Err = cmd.result()
	}
	return results
}

// adapter is a client as the store knows it.
type adapter struct {
	conn
	cluster *redis.ClusterClient // the client, if it is one
}

var _ core.Client = adapter{}

// anyKey says which server gets what is for any of them.
const anyKey = "x"

// Do sends one command. A cluster's client has ways of its own with some: it sends a
// PING to all servers, of which one would do, and does not follow the redirection of
// a DEL.
func (a adapter) Do(ctx context.Context, command core.Command) (core.Reply, error) {
	switch {
	case a.cluster == nil:
	case command.Key == "":
		server, err := a.cluster.MasterForKey(ctx, anyKey)
		if err != nil {
			return core.Reply{}, err
		}
		return conn{server}.Do(ctx, command)
	case command.Name == "DEL":
		command = core.Command{Name: "PEXPIRE", Key: command.Key, Args: []string{"0"}} // does the same
	}
	return a.conn.Do(ctx, command)
}

func (a adapter) Run(ctx context.Context, s *core.Script, keys, args []string) (core.Reply, error) {
	r, err := a.process(ctx, newEval(ctx, "EVALSHA", s.SHA(), keys, args))
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		return a.process(ctx, newEval(ctx, "EVAL", s.Source(), keys, args))
	}
	return r, err
}

func newEval(ctx context.Context, name, script string, keys, args []string) once {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, name, script, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	for _, arg := range args {
		all = append(all, arg)
	}
	return once{redis.NewCmd(ctx, all...)}
}

func (a adapter) EachMaster(ctx context.Context, f func(context.Context, core.Conn) error) error {
	if a.cluster == nil {
		return f(ctx, a.conn)
	}
	return a.cluster.ForEachMaster(ctx, func(ctx context.Context, server *redis.Client) error { return f(ctx, conn{server}) })
}

func (a adapter) Nodes(ctx context.Context) (map[string]core.Conn, error) {
	nodes := make(map[string]core.Conn)
	if a.cluster == nil {
		nodes[""] = a.conn
		return nodes, nil
	}
	var mu sync.Mutex // several are called at the same time
	err := a.cluster.ForEachShard(ctx, func(_ context.Context, server *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		nodes[server.Options().Addr] = conn{server}
		return nil
	})
	return nodes, err
}

func (a adapter) IsReply(err error) bool {
	var e redis.Error
	return errors.As(err, &e)
}

// HeedsCtx is false: a request waits for its reply, or for a time limit that is the
// connection's.
func (a adapter) HeedsCtx() bool { return false }

// reply is what the client makes of a server's reply.
func reply(value any) core.Reply {
	switch v := value.(type) {
	case nil:
		return core.Reply{}
	case int64:
		return core.Reply{Kind: core.Int, Int: v}
	case string:
		return core.Reply{Kind: core.Text, Text: v}
	case []any:
		items := make([]core.Reply, len(v))
		for i, item := range v {
			items[i] = reply(item)
		}
		return core.ListOf(items)
	case map[any]any:
		items := make([]core.Reply, 0, 2*len(v))
		for key, item := range v {
			items = append(items, reply(key), reply(item))
		}
		return core.Reply{Kind: core.List, List: items}
	}
	return core.Reply{Kind: core.Other}
}
