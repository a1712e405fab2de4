package core

import (
	"strconv"
	"strings"
	"sync"
)

// What the keys and channels beside a name end in.
const (
	lineSuffix  = ":cachify:line"
	notesSuffix = ":cachify:notes"
	clockSuffix = ":cachify:clock"
)

// keysOf returns the keys of a name, in the order in which the scripts know them:
// the lock, the slot's clock, the line, the notes. All are in one slot.
func keysOf(name string) []string {
	before, after := around(name)
	both := before + name + after + lineSuffix + before + name + after + notesSuffix // one allocation
	line := len(before) + len(name) + len(after) + len(lineSuffix)
	return []string{name, clocks()[slotOf(name)], both[:line], both[line:]}
}

// channelOf returns the channel of the pushes to one client about one name: the
// line's key, and the client.
func channelOf(name, client string) string {
	before, after := around(name)
	return before + name + after + lineSuffix + ":" + client
}

// around returns what is put around name in the keys beside it. There are three
// forms, which end differently so that no two names share a key:
//
//	{name}      a name without '}'
//	name+       a name with a hash tag of its own
//	{tag}name-  a name with braces that are no hash tag: a tag with the same slot
func around(name string) (before, after string) {
	switch {
	case strings.IndexByte(name, '}') < 0:
		return "{", "}"
	case hashTag(name) != name:
		return "", "+"
	default:
		return slotTags()[slotOf(name)], "-"
	}
}

// nameOfLine is the way back from the key of a line, if key is one.
func nameOfLine(key string) (name string, ok bool) {
	base, ok := strings.CutSuffix(key, lineSuffix)
	if !ok || len(base) < 2 {
		return "", false
	}
	rest := base[:len(base)-1]
	switch base[len(base)-1] {
	case '}':
		name = rest[1:]
	case '+':
		name = rest
	case '-':
		_, name, _ = strings.Cut(rest, "}")
	}
	before, after := around(name)
	return name, name != "" && before+name+after == base
}

// hashTag returns the part of key that decides its slot.
func hashTag(key string) string {
	if i := strings.IndexByte(key, '{'); i >= 0 {
		if n := strings.IndexByte(key[i+1:], '}'); n > 0 {
			return key[i+1 : i+1+n]
		}
	}
	return key
}

const slots = 16384

// slotOf returns the slot of key in a Redis cluster.
func slotOf(key string) uint16 { return crc16(hashTag(key)) % slots }

// slotTags returns for each slot a short hash tag, in its braces, that is in it.
var slotTags = sync.OnceValue(func() *[slots]string {
	var tags [slots]string
	for i, missing := 0, slots; missing > 0; i++ {
		tag := strconv.Itoa(i)
		if slot := crc16(tag) % slots; tags[slot] == "" {
			tags[slot] = "{" + tag + "}"
			missing--
		}
	}
	return &tags
})

// clocks returns for each slot the key of its clock.
var clocks = sync.OnceValue(func() *[slots]string {
	keys := *slotTags()
	for slot, tag := range keys {
		keys[slot] = tag + clockSuffix
	}
	return &keys
})

// crc16 is the XMODEM one, which Redis Cluster uses.
func crc16(s string) uint16 {
	crc := uint16(0)
	for i := range len(s) {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^s[i]]
	}
	return crc
}

var crcTable = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}()
