package clienttest

import "bytes"

var swapRules = []Rule{
	{
		Name:     "swap-equal",
		Explains: "CompareAndSwap of the value that is there replaces it and returns true, by an equal value too.",
		Swaps:    true,
		check: func(p *probe) {
			key := p.key("")
			var old []byte
			p.sets(key, old, long)
			for _, v := range values() {
				p.swaps(key, old, v)
				p.has(key, v, "after CompareAndSwap")
				p.swaps(key, v, v)
				p.has(key, v, "after CompareAndSwap by the same value")
				old = v
			}
			p.removes(key, old)
		},
	},
	{
		Name:     "swap-different",
		Explains: "CompareAndSwap of any other value than the one that is there returns false and leaves it: else a late renewal takes the lock from whoever holds it now.",
		Swaps:    true,
		check: func(p *probe) {
			nearly(func(value, other []byte) {
				key := p.key("")
				p.sets(key, value, long)
				swapped := p.swap(key, other, []byte("new"), long)
				p.has(key, value, "after CompareAndSwap of "+show(other))
				if swapped {
					p.failf("CompareAndSwap of %s returns true, want false: the value is %s", show(other), show(value))
				}
			})
		},
	},
	{
		Name:     "swap-absent",
		Explains: "CompareAndSwap under a key that has no value, or has none any more, returns false and sets nothing: else a renewal brings a lost lock back to life.",
		Swaps:    true,
		check: func(p *probe) {
			for _, v := range [][]byte{[]byte("value"), {}, nil} {
				key := p.key("")
				p.swapsNothing(key, v, "never had a value")
				p.sets(key, v, long)
				p.removes(key, v)
				p.swapsNothing(key, v, "has no value any more")
			}
		},
	},
	{
		Name:     "swap-bytes-left-alone",
		Explains: "CompareAndSwap does not change the bytes that it was passed, nor those that Get has returned.",
		Swaps:    true,
		check: func(p *probe) {
			key := p.key("")
			old, passed := []byte("first"), []byte("later")
			p.sets(key, bytes.Clone(old), long)
			got, _ := p.get(key)
			p.swaps(key, old, passed)
			p.swaps(key, passed, []byte("third"))
			if string(old) != "first" || string(passed) != "later" {
				p.failf("the bytes that CompareAndSwap was passed are %q and %q now, they were %q and %q", old, passed, "first", "later")
			}
			if string(got) != "first" {
				p.failf("the bytes that Get returned are %q now, they were %q", got, "first")
			}
		},
	},
}

func (p *probe) swapsNothing(key string, old []byte, why string) {
	if p.swap(key, old, []byte("new"), long) {
		p.failf("CompareAndSwap of %s under a key that %s returns true, want false", show(old), why)
	}
	p.absent(key, "after a CompareAndSwap that found nothing")
}
