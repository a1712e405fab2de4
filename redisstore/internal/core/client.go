package core

import "context"

// Client is what the store needs of a Redis client. All methods are safe for
// concurrent use. None of them sends anything a second time: who uses the store
// decides about that.
//
// A null reply is no error, but a [Reply] of the kind [Null]. An error that is not
// the server's says that the outcome is unknown.
type Client interface {
	Conn

	// Run executes a script: by its SHA and, if the server does not know that, by
	// its text. All keys are in one slot.
	Run(ctx context.Context, s *Script, keys, args []string) (Reply, error)

	// EachMaster calls f for each master, and perhaps for replicas too, for several
	// of them at the same time perhaps, and returns one of the errors.
	EachMaster(ctx context.Context, f func(context.Context, Conn) error) error

	// Nodes returns all servers that the client knows, replicas too, by their
	// addresses. What is asked there is not redirected.
	Nodes(ctx context.Context) (map[string]Conn, error)

	// Subscriber returns a connection of its own, which connects when it first has
	// something to do. It calls hear for each message, one after the other.
	Subscriber(hear func(channel, payload string)) Subscriber

	// IsReply reports whether err is a server's answer: the server has refused the
	// request, and is well.
	IsReply(err error) bool

	// HeedsCtx reports whether a request on an open connection returns when its ctx
	// ends.
	HeedsCtx() bool
}

// Conn is what takes commands.
type Conn interface {
	// Do sends one command.
	Do(ctx context.Context, c Command) (Reply, error)

	// DoAll sends several commands at once, and returns what became of each.
	DoAll(ctx context.Context, commands []Command) []Result
}

// Command is "Name Key Args...".
type Command struct {
	Name string
	Key  string // the command has none if empty
	Args []string
}

// Result is what became of one of several commands.
type Result struct {
	Reply Reply
	Err   error
}

// Subscriber is a connection that hears what is published. It does not mend itself:
// when it is lost it is closed, and another one takes its place. Subscribe and
// Unsubscribe are called one at a time, with at least one channel and never more
// than the server takes at once.
type Subscriber interface {
	// Subscribe returns when the server has done its part for all channels.
	Subscribe(ctx context.Context, channels []string) error

	// Unsubscribe undoes it.
	Unsubscribe(ctx context.Context, channels []string) error

	// Lost gets the error when the connection breaks, or is closed.
	Lost() <-chan error

	// Close ends the connection.
	Close()
}

// Kind tells what a [Reply] is.
type Kind uint8

// The kinds of replies.
const (
	Null  Kind = iota
	Int        // in Int
	Text       // a string of any bytes, in Text
	Pair       // a list of a Text and an Int, which is never a List: it allocates nothing
	List       // any other list, or a map: key, value, key, ...
	Other      // nothing that the store ever asks for
)

// Reply is what a server says. Nobody changes what it points to.
type Reply struct {
	Kind Kind
	Int  int64
	Text string
	List []Reply
}

// ListOf returns the reply that is a list of items.
func ListOf(items []Reply) Reply {
	if len(items) == 2 && items[0].Kind == Text && items[1].Kind == Int {
		return Reply{Kind: Pair, Text: items[0].Text, Int: items[1].Int}
	}
	return Reply{Kind: List, List: items}
}

// items are the elements of a list of any kind.
func (r Reply) items() ([]Reply, error) {
	switch r.Kind {
	case List:
		return r.List, nil
	case Pair:
		return []Reply{{Kind: Text, Text: r.Text}, {Kind: Int, Int: r.Int}}, nil
	}
	return nil, r.isNot("a list")
}

func (r Reply) int() (int64, error) {
	if r.Kind != Int {
		return 0, r.isNot("a number")
	}
	return r.Int, nil
}

func (r Reply) text() (string, error) {
	if r.Kind != Text {
		return "", r.isNot("a string")
	}
	return r.Text, nil
}
