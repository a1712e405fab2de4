// Package sqlitestore keeps leases and records in one SQLite file, which any number
// of processes of one machine share, with no server. It needs no C compiler.
//
// It has all that package driver knows of and bytes can do: hand-off queues across
// processes, pools with weights, fences, records with versions, a list of what is
// held. Each method is one transaction.
//
//	store, err := sqlitestore.New(ctx, sqlitestore.Options{Path: "/var/lib/app/cachify.db"})
//	...
//	c, err := cachify.New(store, nil)
//
// # What is in the file
//
// An SQLite database in WAL mode: leases, the queue of each name, records, and one
// row with the time and the last number given. sql/schema.sql says it all. Names are
// kept as they are, so anybody can look:
//
//	sqlite3 cachify.db 'SELECT name, holder, slots FROM leases'
//
// Beside the file there are others whose names begin with its name: "-wal", the log,
// and "-shm", which SQLite needs, and "-push", the directory of sockets. They belong
// to the file, and stay when a process is killed; whoever comes next goes on with
// them. Who removes, renames or replaces one of the first three while it is in use gets
// [ErrRemoved] from those that have it open, and their leases are lost.
//
// Lease names and record keys are different name spaces. What is over is removed,
// a little by each request that adds something. The file gives back what it does not
// need, and the log is moved into it when it has 4 MB; a crowd of processes at full
// speed may bring it to some 30 MB.
//
// A new file can be read by its owner alone, since results of functions may be
// secrets. To share it between users, make an empty file with the permissions you
// want, or change them, in a directory that all of them can write.
//
// The file has the number of its schema and of this application in its header. A
// file of another version, of another application, or that is no database, is
// refused and stays as it is.
//
// # Where it works
//
// On local file systems. Those that are known to be network file systems, and FUSE,
// are refused on Linux ([ErrNetwork]); on other systems nobody checks. Several
// machines, or a machine and its virtual machines, cannot share a file. Containers of
// one machine can.
//
// A disk that hangs holds up its requests beyond their ctx. One that is full gives
// [ErrFull], and all works again when it is not.
//
// # Time
//
// On Linux the store goes by the system's monotonic clock, which all processes have
// in common and nobody can set, and which is the one that holders go by too: a lease
// ends at the same moment for both, also when the machine was asleep in between, for
// then it stands still for both. Records also age while the machine sleeps. After a
// restart of the machine time goes on with what the wall clock says has passed, and
// never back: what was held then runs out as if the machine had stayed up, and if the
// wall clock is wrong it is held for longer at worst.
//
// Processes with clocks of their own, in containers with time namespaces, and all
// systems other than Linux go by the wall clock instead, which then must not be set
// while leases are held: setting it ahead ends them early. The file's time never goes
// back there either.
//
// Times to live are kept to the microsecond, rounded up.
//
// # Fences
//
// One number for the whole file, at least the time in µs, and larger than all before
// it. A commit does not wait for the disk: what a process has written survives its
// crash, and that of all others, but a loss of power can undo the last seconds. Who
// held a lease then is gone with it. That a fence is never given twice even so, and
// even if the clock is lost too, is seen to by a ceiling, which is on the disk before
// any number under it is given: once an hour, one commit does wait. Systems without a
// name for each of their starts, all but Linux, rely on the clock for this.
//
// # Pushes
//
// A release hands the name to the first in line, in the file, and sends the name in a
// datagram to a socket of that client. Its store looks into the file and tells what it
// finds, so nobody can be told what is not so. The first listener of a client makes
// its socket, the last one removes it, and those of killed processes are swept by the
// next ones. Where there can be no sockets (on Windows, or when the directory cannot
// be made) the store looks whether the file has changed instead, every millisecond
// for a while after a change and every four later.
package sqlitestore
