package fence_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/fence"
)

// ledger is a resource in this process.
type ledger struct {
	gate    fence.Gate
	entries []string
}

func (l *ledger) Append(token uint64, entry string) error {
	return l.gate.Do(token, func() error {
		l.entries = append(l.entries, entry)
		return nil
	})
}

// A holder that was frozen past the end of its lease comes back and is refused.
func ExampleGate() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)
	book := &ledger{}
	lock := c.Lock("book", cachify.Expiry(time.Minute))

	frozen, _ := lock.Acquire(ctx)
	fmt.Println(book.Append(frozen.Fence(), "first"))
	_ = lock.ForceRelease(ctx) // or its time is over, while it cannot notice
	other, _ := lock.Acquire(ctx)
	fmt.Println(book.Append(other.Fence(), "second"), book.Append(other.Fence(), "third"))

	err := book.Append(frozen.Fence(), "too late")
	fmt.Println(errors.Is(err, fence.ErrStale), book.entries)
	// Output:
	// <nil>
	// <nil> <nil>
	// true [first second third]
}

// The two numbers, for logs. 0 is not a fence.
func ExampleStaleError() {
	var gate fence.Gate
	_ = gate.Admit(1007)
	err := gate.Admit(1005)
	var stale *fence.StaleError
	fmt.Println(errors.As(err, &stale), stale.Fence, stale.Highest)
	fmt.Println(err)
	fmt.Println(gate.Admit(0))
	// Output:
	// true 1005 1007
	// stale fence: 1005: 1007 has been there
	// no fence: it is 0
}

// report is a resource with a lock of its own, kept in a file whose name has the fence.
type report struct {
	mu   sync.Mutex
	gate fence.Gate
	dir  string
}

func (r *report) Write(token uint64, text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.gate.Admit(token); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, fmt.Sprintf("report.%020d", token)), []byte(text), 0o644)
}

// open finds the newest file, and lets the gate know its fence.
func (r *report) open() (string, error) {
	names, err := filepath.Glob(filepath.Join(r.dir, "report.*")) // in order
	if err != nil || len(names) == 0 {
		return "", err
	}
	newest := names[len(names)-1]
	token, err := strconv.ParseUint(strings.TrimPrefix(filepath.Ext(newest), "."), 10, 64)
	if err != nil {
		return "", err
	}
	return newest, r.gate.Admit(token)
}

// A gate that is opened again knows what the resource knows.
func ExampleGate_Admit() {
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	fmt.Println((&report{dir: dir}).Write(20, "new"))

	restarted := &report{dir: dir}
	name, err := restarted.open()
	fmt.Println(filepath.Base(name), err)
	fmt.Println(restarted.Write(19, "old"))
	// Output:
	// <nil>
	// report.00000000000000000020 <nil>
	// stale fence: 19: 20 has been there
}

// guarded lets requests through to next that come with a fence, in order.
func guarded(gate *fence.Gate, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := strconv.ParseUint(r.Header.Get("Fence"), 10, 64)
		if err != nil {
			http.Error(w, "the header Fence must be a number", http.StatusBadRequest)
			return
		}
		err = gate.Do(token, func() error {
			next.ServeHTTP(w, r)
			return nil
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusPreconditionFailed)
			return
		}
	})
}

// A service asks for the fence in a header.
func ExampleGate_Do() {
	var gate fence.Gate
	service := guarded(&gate, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "done")
	}))
	for _, token := range []string{"7", "7", "6", ""} {
		request := httptest.NewRequestWithContext(context.Background(), http.MethodPut, "/printer", nil)
		request.Header.Set("Fence", token)
		answer := httptest.NewRecorder()
		service.ServeHTTP(answer, request)
		fmt.Println(answer.Code, strings.TrimSpace(answer.Body.String()))
	}
	// Output:
	// 200 done
	// 200 done
	// 412 stale fence: 6: 7 has been there
	// 400 the header Fence must be a number
}
