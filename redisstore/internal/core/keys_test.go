package core

import (
	"slices"
	"testing"
)

// The slots are those that a real server tells (CLUSTER KEYSLOT).
func TestSlot(t *testing.T) {
	for key, want := range map[string]uint16{
		"123456789": 12739, "": 0, "foo": 12182, "bar": 5061, "{foo}bar": 12182, "x{foo}{bar}": 12182, "foo{}{bar}": 8363,
		"foo{{bar}}zap": 4015, "somekey": 11058,
	} {
		if got := slotOf(key); got != want {
			t.Errorf("%q is in slot %d, want %d", key, got, want)
		}
	}
}

var oddNames = []string{
	"x", "PYC-job", "{x}", "{x", "x}", "}{", "}{x}", "{}", "{}x", "{}{x}", "a{b}c", "a{b}c{d}", "{{x}}", "{{x}", "{x}}", "x+", "x-", "{x}+", "{x}-",
	"{123}x", "é", "\x00", "\xff{\xfe", " ", "{ }", ":cachify:line", "{x}:cachify:line", "a}:cachify:line",
}

func TestKeysOfANameAreInOneSlot(t *testing.T) {
	for _, name := range oddNames {
		want := slotOf(name)
		for _, key := range append(keysOf(name), channelOf(name, "host:1:{abc}")) {
			if got := slotOf(key); got != want {
				t.Errorf("name %q: key %q is in slot %d, want %d", name, key, got, want)
			}
		}
	}
}

func TestNoTwoNamesShareAKey(t *testing.T) {
	owner := map[string]string{}
	for _, name := range oddNames {
		keys := keysOf(name)
		for _, key := range append(keys[2:], channelOf(name, "c")) {
			if other, taken := owner[key]; taken {
				t.Errorf("%q and %q share the key %q", name, other, key)
			}
			owner[key] = name
		}
		if got, ok := nameOfLine(keys[2]); !ok || got != name {
			t.Errorf("the line %q is that of %q, %v, want %q", keys[2], got, ok, name)
		}
		if slices.Contains(keys[1:], name) {
			t.Errorf("the name %q is a key beside itself", name)
		}
	}
	for _, key := range []string{"", "x", ":cachify:line", "+:cachify:line", "x:cachify:line", "{}:cachify:line", "x+:cachify:line", "{1}x-:cachify:line", "{x}:cachify:notes"} {
		if name, ok := nameOfLine(key); ok {
			t.Errorf("%q is taken for the line of %q", key, name)
		}
	}
}

func FuzzKeys(f *testing.F) {
	for _, name := range oddNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			return
		}
		keys := keysOf(name)
		for _, key := range keys {
			if slotOf(key) != slotOf(name) {
				t.Errorf("name %q: key %q is in another slot", name, key)
			}
		}
		if got, ok := nameOfLine(keys[2]); !ok || got != name {
			t.Errorf("the line of %q is taken for that of %q, %v", name, got, ok)
		}
	})
}
