package engines

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/go-cachify/cachify/driver"
	"github.com/go-cachify/cachify/faultstore"
	"github.com/go-cachify/cachify/itest"
	"github.com/go-cachify/cachify/memstore"
)

// Memory is the store in memory: all clients are in one process, and what can break
// between them and the store is what faultstore does.
func Memory() itest.Engine {
	return itest.Engine{
		Name: "memory", Start: startMemory, Open: openMemory,
		OneProcess: true,
		KillLoses:  true, // the store dies with its process, and the leases of all clients in it
	}
}

// weather is what faultstore does while a fault lasts, by the fault's kind.
var weather = map[string]faultstore.Rates{
	"store-fail":  {Fail: 0.1, DropPush: 0.2},
	"reply-drop":  {LoseReply: 0.1, HangReply: 0.02, DropPush: 0.2},
	"store-hang":  {Hang: 0.05, Late: 0.02},
	"store-delay": {Delay: 0.5, DuplicatePush: 0.2},
	"store-stray": {Stray: 0.05, Late: 0.05},
}

var weatherKinds = []string{"store-fail", "reply-drop", "store-hang", "store-delay", "store-stray"}

// startMemory has nothing to start. The URL is a socket, on which the client's process
// hears what is to break.
func startMemory(_ context.Context, dir string) (*itest.Instance, error) {
	socket := filepath.Join(dir, "weather")
	i := &itest.Instance{URL: socket}
	tell := func(ctx context.Context, line string) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		if err != nil {
			return nil // the process was killed: so there is nothing to break
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write([]byte(line + "\n")); err != nil {
			return nil
		}
		_, _ = bufio.NewReader(conn).ReadString('\n') // it is so now
		return nil
	}
	for _, kind := range weatherKinds {
		i.Faults = append(i.Faults, itest.Fault{
			Kind: kind,
			Break: func(ctx context.Context, r *rand.Rand) error {
				return tell(ctx, kind+" "+strconv.FormatUint(r.Uint64(), 10))
			},
			Mend: func(ctx context.Context) error { return tell(ctx, kind) },
		})
	}
	return i, nil
}

// memory is a store that is told what is to break.
type memory struct {
	*faultstore.Store
	listener net.Listener
	running  sync.WaitGroup
	scripts  map[string]faultstore.Script // by kind; only for listen
}

func openMemory(ctx context.Context, socket string) (driver.Store, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that was killed
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	inner, err := memstore.New(nil)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	m := &memory{Store: faultstore.New(inner, nil), listener: l, scripts: make(map[string]faultstore.Script)}
	m.running.Go(m.listen)
	return m, nil
}

// Close implements io.Closer.
func (m *memory) Close() error {
	_ = m.listener.Close()
	m.running.Wait()
	return m.Store.Close()
}

func (m *memory) listen() {
	for {
		conn, err := m.listener.Accept()
		if err != nil {
			return
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil {
			m.change(strings.Fields(line))
			_, _ = conn.Write([]byte("ok\n"))
		}
		_ = conn.Close()
	}
}

// change sets what breaks: a kind and a seed, or a kind alone that is over.
func (m *memory) change(words []string) {
	if len(words) == 2 {
		seed, _ := strconv.ParseUint(words[1], 10, 64) // whatever it is, it is one
		m.scripts[words[0]] = faultstore.Random(seed, weather[words[0]])
	} else {
		delete(m.scripts, words[0])
	}
	var all []faultstore.Script
	for _, kind := range weatherKinds {
		if s := m.scripts[kind]; s != nil {
			all = append(all, s)
		}
	}
	m.SetScript(answersObjects(faultstore.First(all...)))
}

// answersObjects leaves out what never happens: a store that keeps objects is in the
// caller's own process, and answers for them sooner or later.
func answersObjects(script faultstore.Script) faultstore.Script {
	return func(c faultstore.Call) faultstore.Fault {
		f := script(c)
		object := c.Op == faultstore.LoadObject || c.Op == faultstore.SaveObject
		if object && (f.Kind == faultstore.Hang || f.Kind == faultstore.HangReply || f.Kind == faultstore.Late) {
			f.Kind = faultstore.Fail
		}
		return f
	}
}
