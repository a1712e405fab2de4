package main

import (
	"errors"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	exit := errors.New("exit status 1")
	for _, c := range []struct {
		name   string
		events string
		exit   error
		want   string
		err    string
	}{
		{
			name: "all is well",
			events: `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"-test.shuffle 1\n"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"run","Package":"p","Test":"TestA/sub"}
{"Action":"output","Package":"p","Test":"TestA/sub","Output":"    a_test.go:1: chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA/sub"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}
{"Action":"skip","Package":"q"}
`,
			want: "ok  \tp\t0.1s\n?   \tq\t[no test files]\n2 passed, 0 failed\n",
		},
		{
			name: "a test fails",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: wrong\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p"}
`,
			exit: exit,
			want: "--- FAIL: TestA\n    a_test.go:3: wrong\nFAIL\n0 passed, 1 failed\n",
			err:  "go test: exit status 1",
		},
		{
			name: "a test is skipped",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: no server\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`,
			want: "ok  \tp\t0.1s\nSKIPPED p TestA: a_test.go:7: no server\n0 passed, 1 failed\n",
			err:  "1 tests were skipped: a test runs, or is not there",
		},
		{
			name: "a panic ends the package",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: oh\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`,
			exit: exit,
			want: "panic: oh\nFAIL\tp\t0.1s\n0 passed, 1 failed\n",
			err:  "go test: exit status 1",
		},
		{
			name: "a package does not compile",
			events: `{"ImportPath":"p","Action":"build-output","Output":"a.go:1: undefined: x\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
`,
			exit: exit,
			want: "a.go:1: undefined: x\nFAIL\tp [build failed]\n0 passed, 1 failed\n",
			err:  "go test: exit status 1",
		},
		{
			name:   "go test itself fails",
			events: "no such tool\n",
			exit:   exit,
			want:   "no such tool\n0 passed, 1 failed\n",
			err:    "go test: exit status 1",
		},
		{
			name: "nothing runs",
			want: "0 passed, 0 failed\n",
			err:  "there was no test to run",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(c.events)); err != nil {
				t.Fatal(err)
			}
			err := r.finish(c.exit)
			if got := out.String(); got != c.want {
				t.Errorf("printed\n%s\nwant\n%s", got, c.want)
			}
			if got := errText(err); got != c.err {
				t.Errorf("the error is %q, want %q", got, c.err)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
