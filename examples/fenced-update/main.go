// Fenced-update shows a database that refuses the holder of a lease that is over.
//
// Two workers pay into one account, each under a lock. The first one stops between
// getting the lock and writing, for longer than its lease lasts, as a process does that
// is paused or swapped out; it does not even look at its lease's context. Meanwhile the
// second one has the lock, and writes. The late write of the first one changes nothing,
// because the row has seen a larger fence.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver" // a database in the process

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/fence"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

const account = 42

// schema has the fence beside what it guards, in every row. It begins at 0, smaller
// than every fence.
const schema = `CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, fence INTEGER NOT NULL DEFAULT 0);
INSERT INTO accounts (id, balance) VALUES (42, 100)`

func run(ctx context.Context, out io.Writer) error {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1) // each connection would have a database of its own
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	c, err := cachify.New(nil, nil) // in memory; between machines a store that they share
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	lock := c.Lock("account-42", cachify.Wait(time.Minute), cachify.Expiry(200*time.Millisecond))

	first, err := lock.Acquire(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "first:  has the lock, and stops")

	second, err := lock.Acquire(ctx) // as soon as the first one's lease is over
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "second: has the lock, with a larger fence:", second.Fence() > first.Fence())
	fmt.Fprintln(out, "second: 150:", setBalance(ctx, db, second.Fence(), 150))
	fmt.Fprintln(out, "second: 160:", setBalance(ctx, db, second.Fence(), 160))

	err = setBalance(ctx, db, first.Fence(), 110)
	fmt.Fprintln(out, "first:  goes on, and is refused:", errors.Is(err, fence.ErrStale))

	var balance int
	err = db.QueryRowContext(ctx, `SELECT balance FROM accounts WHERE id = 42`).Scan(&balance)
	fmt.Fprintln(out, "the balance is", balance)
	return err
}

// setBalance writes as the holder of a lease with that fence.
func setBalance(ctx context.Context, db *sql.DB, token uint64, balance int) error {
	if token == 0 {
		return fence.ErrNoFence
	}
	result, err := db.ExecContext(ctx,
		`UPDATE accounts SET balance = ?3, fence = ?1 WHERE id = ?2 AND fence <= ?1`, int64(token), account, balance)
	if err != nil {
		return err
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if changed == 0 { // or there is no such account
		return &fence.StaleError{Fence: token}
	}
	return nil
}
