package sqlitestore

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

const (
	// checkpointAt is how many pages the log has when it is time to move them into
	// the file, and checkpointAgain how many more there are when that is tried again.
	checkpointAt    = 1000
	checkpointAgain = 250

	// truncateAt is how many pages the log may have when a store is closed: the next
	// process may be the only one, and then reads all of them.
	truncateAt = 200

	// restartAt is how many pages the log has when others are made to wait so that it
	// can begin anew: 16 MB, which only a crowd at full speed gets to.
	restartAt = 4000
)

// conn is a connection to the file, with its statements. One goroutine uses it at a
// time.
type conn struct {
	db        *sqlite3.Conn
	stmts     map[string]*sqlite3.Stmt
	pages     int // that the log had at the last commit
	nextCheck int // the number of pages at which to move them
}

// dial opens the file, which has to be one of ours.
func dial(path string) (*conn, error) {
	db, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READWRITE)
	if err != nil {
		return nil, err
	}
	c := &conn{db: db, stmts: make(map[string]*sqlite3.Stmt), nextCheck: checkpointAt}
	// A hook takes the place of the engine's own checkpoints.
	db.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		c.pages = pages
		return nil
	})
	if _, err = db.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return c, nil
}

// durable says whether a commit waits until it is safely on the disk. Else a loss of
// power can undo the last ones, but neither a crash of the program nor of others.
func (c *conn) durable(is bool) error {
	if is {
		return c.db.Exec("PRAGMA synchronous = FULL")
	}
	return c.db.Exec("PRAGMA synchronous = NORMAL")
}

// run runs a statement, and row, unless it is nil, for each of its rows. args are
// strings, integers and bytes.
func (c *conn) run(name string, row func(*sqlite3.Stmt), args ...any) error {
	s, err := c.prepare(name)
	if err != nil {
		return err
	}
	for i, arg := range args {
		if err := bind(s, i+1, arg); err != nil {
			return err
		}
	}
	if row == nil {
		return s.Exec()
	}
	for s.Step() {
		row(s)
	}
	return s.Reset()
}

func bind(s *sqlite3.Stmt, i int, arg any) error {
	switch arg := arg.(type) {
	case string:
		return s.BindText(i, arg)
	case int:
		return s.BindInt(i, arg)
	case int64:
		return s.BindInt64(i, arg)
	case []byte:
		if arg == nil {
			arg = []byte{} // which is a value, and not NULL
		}
		return s.BindBlob(i, arg)
	}
	panic(fmt.Sprintf("sqlitestore: an argument of type %T", arg))
}

func (c *conn) prepare(name string) (*sqlite3.Stmt, error) {
	if s := c.stmts[name]; s != nil {
		return s, nil
	}
	s, _, err := c.db.PrepareFlags(statements()[name], sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	c.stmts[name] = s
	return s, nil
}

// rollback ends a transaction that has failed, unless the engine has done so.
func (c *conn) rollback() error {
	if c.db.GetAutocommit() {
		return nil
	}
	return c.run("rollback", nil)
}

// tidy keeps log and file from growing. Its failures are nobody's: the next commit
// tries again, and has what it wrote in the log.
func (c *conn) tidy() {
	if c.pages < c.nextCheck {
		if c.pages < checkpointAt {
			c.nextCheck = checkpointAt
		}
		return
	}
	mode := sqlite3.CHECKPOINT_PASSIVE
	if c.pages >= restartAt {
		mode = sqlite3.CHECKPOINT_RESTART
	}
	c.nextCheck = c.pages + checkpointAgain
	if _, _, err := c.db.WALCheckpoint("main", mode); err != nil {
		return
	}
	var free, all int
	err := c.run("free-pages", func(s *sqlite3.Stmt) { free, all = s.ColumnInt(0), s.ColumnInt(1) })
	if err == nil && free > 1000 && free > all/2 {
		_ = c.run("vacuum", func(*sqlite3.Stmt) {})
	}
}

func (c *conn) close() error {
	if c.pages >= truncateAt {
		_, _, _ = c.db.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	}
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.db.Close())...)
}

// isBusy reports whether another process was at work, and it helps to try again.
func isBusy(err error) bool { return errors.Is(err, sqlite3.BUSY) }
