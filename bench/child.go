package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// roleVariable makes this program a child of itself: a process that does, line by line,
// what it is told on its standard input, until that ends.
const roleVariable = "CACHIFY_BENCH_ROLE"

// A role is what a child can be. It gets its argument once, and returns what answers
// requests.
type role func(l *lab, argument string) func(request string) any

// answer is what a child says to each request, and once before the first, when it is ready.
type answer struct {
	Value json.RawMessage `json:",omitempty"`
	Error string          `json:",omitempty"`
}

// serve is the whole of a child.
func serve(ctx context.Context, roles map[string]role, in io.Reader, out io.Writer) error {
	name, argument, _ := strings.Cut(os.Getenv(roleVariable), " ")
	say := func(v any, err error) error {
		var a answer
		if err == nil {
			a.Value, err = json.Marshal(v)
		}
		if err != nil {
			a.Error = err.Error()
		}
		return json.NewEncoder(out).Encode(a)
	}
	lines := bufio.NewScanner(in)
	err := perform(ctx, false, func(l *lab) {
		r, ok := roles[name]
		if !ok {
			l.fail("%s: there is no role %q", roleVariable, name)
		}
		do := r(l, argument)
		l.must(say("ready", nil))
		for lines.Scan() {
			l.must(say(do(lines.Text()), nil))
		}
	})
	if err != nil {
		return say(nil, err)
	}
	return nil
}

// A child is another process of this program.
type child struct {
	in  io.WriteCloser
	out *json.Decoder
}

// child starts one, which ends with the lab, and with this process, however that ends.
func (l *lab) child(name, argument string) *child {
	self, err := os.Executable()
	l.must(err)
	proc := exec.CommandContext(context.Background(), self)
	proc.Env = append(os.Environ(), roleVariable+"="+name+" "+argument, "TMPDIR="+l.dir()) // it is killed, and cannot clean up
	proc.Stderr = os.Stderr
	in, err := proc.StdinPipe()
	l.must(err)
	out, err := proc.StdoutPipe()
	l.must(err)
	l.must(proc.Start())
	l.atEnd(func() {
		_ = proc.Process.Kill() // which is sooner over than to undo what it made
		_ = proc.Wait()
	})
	return &child{in: in, out: json.NewDecoder(out)}
}

// ready waits until the child can be asked.
func (c *child) ready() error { return c.hear(nil) }

// tell sends a request. hear has to follow.
func (c *child) tell(request string) error {
	_, err := fmt.Fprintln(c.in, request)
	return err
}

// hear waits for the answer, and stores it in v if that is not nil.
func (c *child) hear(v any) error {
	var a answer
	if err := c.out.Decode(&a); err != nil {
		return fmt.Errorf("a child ended: %w", err)
	}
	if a.Error != "" {
		return fmt.Errorf("a child: %s", a.Error)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(a.Value, v)
}

// children starts n of them, and returns when all are ready.
func (l *lab) children(n int, name, argument string) []*child {
	all := make([]*child, n)
	for i := range all {
		all[i] = l.child(name, argument)
	}
	for _, c := range all {
		l.must(c.ready())
	}
	return all
}

// askAll sends one request to all at once, and returns their answers.
func askAll[T any](l *lab, all []*child, request string) []T {
	for _, c := range all {
		l.must(c.tell(request))
	}
	answers := make([]T, len(all))
	for i, c := range all {
		l.must(c.hear(&answers[i]))
	}
	return answers
}
