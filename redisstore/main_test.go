package redisstore_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain sees to it that no test leaves a goroutine behind. More tests run beside
// each other than there are processors, unless the command line says how many: they
// mostly wait for leases to end.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if f := flag.Lookup("test.parallel"); f != nil && !given {
		_ = f.Value.Set("6")
	}
	goleak.VerifyTestMain(m,
		// The client closes connections to nodes that have left a cluster after 5 s.
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"))
}
