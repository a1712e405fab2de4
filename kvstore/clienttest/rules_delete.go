package clienttest

var deleteRules = []Rule{
	{
		Name:     "delete-equal",
		Explains: "CompareAndDelete of the value that is there removes it and returns true, and the key can be set again.",
		check: func(p *probe) {
			for _, v := range values() {
				key := p.key("")
				p.sets(key, v, long)
				p.removes(key, v)
				p.absent(key, "after CompareAndDelete")
				p.sets(key, []byte("next"), long)
				p.has(key, []byte("next"), "after CompareAndDelete and SetIfAbsent")
			}
		},
	},
	{
		Name:     "delete-different",
		Explains: "CompareAndDelete of any other value than the one that is there returns false and leaves it: else a late release frees the lock of whoever holds it now.",
		check: func(p *probe) {
			nearly(func(value, other []byte) {
				key := p.key("")
				p.sets(key, value, long)
				removed := p.remove(key, other)
				p.has(key, value, "after CompareAndDelete of "+show(other))
				if removed {
					p.failf("CompareAndDelete of %s returns true, want false: the value is %s", show(other), show(value))
				}
			})
		},
	},
	{
		Name:     "delete-absent",
		Explains: "CompareAndDelete under a key that has no value, or has none any more, returns false: the caller must learn that what it had was lost.",
		check: func(p *probe) {
			for _, v := range []string{"value", ""} {
				key := p.key("")
				p.removesNothing(key, []byte(v), "never had a value")
				p.sets(key, []byte(v), long)
				p.removes(key, []byte(v))
				p.removesNothing(key, []byte(v), "has no value any more")
			}
		},
	},
}

func (p *probe) removesNothing(key string, old []byte, why string) {
	if p.remove(key, old) {
		p.failf("CompareAndDelete of %s under a key that %s returns true, want false", show(old), why)
	}
	p.absent(key, "after a CompareAndDelete that found nothing")
}
