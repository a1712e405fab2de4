package sqlitestore

import "golang.org/x/sys/unix"

// CallItNetwork takes the file system of dir for a network one, until restore.
func CallItNetwork(dir string) (restore func()) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		panic(err)
	}
	magic := int64(uint32(fs.Type))
	networks[magic] = "TESTFS"
	return func() { delete(networks, magic) }
}
