package cachify

// StartOver puts the global instance back to what it is before [Init], so that the
// examples about it do not depend on what ran before them.
func StartOver() { global.Store(nil) }
