package clienttest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var valueRules = []Rule{
	{
		Name:     "set-and-get",
		Explains: "SetIfAbsent under a key that has no value sets it and returns true, and Get then returns it, to other clients too.",
		check: func(p *probe) {
			key := p.key("")
			p.sets(key, []byte("value"), long)
			p.has(key, []byte("value"), "after SetIfAbsent")
			p.together(2, func(p *probe, _ int) { p.has(key, []byte("value"), "after SetIfAbsent") })
		},
	},
	{
		Name:     "get-absent",
		Explains: "Get of a key that has no value returns false, and no error: it is nothing out of the ordinary.",
		check: func(p *probe) {
			key := p.key("")
			p.absent(key, "under a key that was never set")
			p.absent(key, "under a key that was only asked for")
		},
	},
	{
		Name:     "set-refused",
		Explains: "SetIfAbsent under a key that has a value returns false and leaves the value, whatever the new one is: else two would hold one lock.",
		check: func(p *probe) {
			key := p.key("")
			p.sets(key, []byte("first"), long)
			for _, v := range []string{"second", "first", ""} {
				if p.set(key, []byte(v), long) {
					p.failf("SetIfAbsent of %q under a key that has the value %q returns true, want false", v, "first")
				}
				p.has(key, []byte("first"), "after a SetIfAbsent that was refused")
			}
		},
	},
	{
		Name:     "values-exact",
		Explains: "Get returns the bytes that were set, all of them and no others. A value can be empty, which is not the same as absent, and need not be text.",
		check: func(p *probe) {
			for _, v := range values() {
				key := p.key("")
				p.sets(key, v, long)
				p.has(key, v, "after SetIfAbsent")
				if p.set(key, []byte("other"), long) {
					p.failf("SetIfAbsent under a key that has the value %s returns true, want false", show(v))
				}
			}
		},
	},
	{
		Name:     "keys-exact",
		Explains: "Two keys that are not the same string have nothing to do with each other.",
		check: func(p *probe) {
			first := p.key("/key")
			keys := []string{first}
			for _, end := range []string{"s", " ", "/", ":", "/sub", "*", "%", "\u00e9", "e\u0301"} {
				keys = append(keys, p.also(first+end))
			}
			keys = append(keys, p.also(first[:len(first)-1]), p.also(first[:len(first)-1]+"Y"))
			for i, key := range keys {
				p.absent(key, fmt.Sprintf("under %q, which was not set yet", key))
				p.sets(key, fmt.Append(nil, i), long)
			}
			for i, key := range keys {
				p.has(key, fmt.Append(nil, i), fmt.Sprintf("under %q", key))
			}
			p.removes(first, []byte("0"))
			for i, key := range keys[1:] {
				p.has(key, fmt.Append(nil, i+1), fmt.Sprintf("under %q, after a delete of %q", key, first))
			}
		},
	},
	{
		Name:     "bytes-left-alone",
		Explains: "A client does not change the bytes that it was passed, nor those that it has returned, when the value is deleted and another one set.",
		check: func(p *probe) {
			key := p.key("")
			passed := []byte("passed")
			p.sets(key, passed, long)
			got, _ := p.get(key)
			kept := bytes.Clone(got)
			p.removes(key, passed)
			p.sets(key, []byte("PASSED"), long)
			p.has(key, []byte("PASSED"), "after a delete and SetIfAbsent")
			if string(passed) != "passed" {
				p.failf("the bytes that SetIfAbsent and CompareAndDelete were passed are %q now, they were %q", passed, "passed")
			}
			if !bytes.Equal(got, kept) {
				p.failf("the bytes that Get returned are %q now, they were %q", got, kept)
			}
		},
	},
	{
		Name:     "ended-context",
		Explains: "Each method returns an error if its ctx has ended already: nobody waits for what it would do.",
		check: func(p *probe) {
			cancelled, cancel := context.WithCancel(p.ctx)
			cancel()
			overdue, cancel := context.WithDeadline(p.ctx, time.Now().Add(-time.Second))
			defer cancel()
			for _, ctx := range []context.Context{cancelled, overdue} {
				p.refuses(ctx)
			}
		},
	},
}

// refuses checks that each method returns an error with a ctx that has ended.
func (p *probe) refuses(ctx context.Context) {
	key, empty := p.key(""), p.key("")
	value := []byte("value")
	p.sets(key, value, long)
	check := func(method string, err error) {
		if err == nil {
			p.failf("%s with a ctx that has ended (%v) returns no error, want one", method, ctx.Err())
		}
	}
	_, _, err := p.clients[0].Get(ctx, key)
	check("Get", err)
	_, err = p.clients[0].SetIfAbsent(ctx, empty, value, driver.NoExpiry)
	check("SetIfAbsent", err)
	if p.swappers[0] != nil {
		_, err = p.swappers[0].CompareAndSwap(ctx, key, value, value, long)
		check("CompareAndSwap", err)
	}
	_, err = p.clients[0].CompareAndDelete(ctx, key, value)
	check("CompareAndDelete", err)
}

// values are those that a client may take for something else.
func values() [][]byte {
	var all []byte
	for i := range 256 {
		all = append(all, byte(i))
	}
	vs := [][]byte{nil, {}, all, bytes.Repeat(all, 256)}
	for _, s := range []string{
		"value", " ", "0", "null", "false", "\x00", "\x00value", "value\x00", " value ", "value\r\n", "\xff\xfe",
		"\xef\xbb\xbfvalue", `"value"`, "e\u0301",
	} {
		vs = append(vs, []byte(s))
	}
	return vs
}

// nearly calls f with pairs of values that are not equal, but may be taken for it.
func nearly(f func(value, other []byte)) {
	var pairs [][2][]byte
	for _, s := range [][2]string{
		{"value", "other"}, {"value", "Value"}, {"value", "value "}, {"value", " value"}, {"value", "value\x00"},
		{"value", "value\n"}, {"value", "valu"}, {"value", ""}, {"", "\x00"}, {"", "null"}, {"1", "1.0"}, {"1", "01"},
		{"10", "1e1"}, {"\xff", "\xfe"}, {"\xff", "\ufffd"}, {"\u00e9", "e\u0301"}, {"stra\u00dfe", "strasse"},
		{"v*", "value"}, {"v%", "value"},
	} {
		pairs = append(pairs, [2][]byte{[]byte(s[0]), []byte(s[1])})
	}
	big := bytes.Repeat([]byte("value"), 1000)
	pairs = append(pairs, [2][]byte{big, append(bytes.Clone(big[:len(big)-1]), 'E')})
	for _, pair := range pairs {
		f(pair[0], pair[1])
		f(pair[1], pair[0])
	}
}
