package driver

import (
	"fmt"
	"time"
)

// ValidateTTL returns an error that wraps [ErrInvalid] if ttl is neither within
// [MinTTL] and [MaxTTL] nor [NoExpiry].
func ValidateTTL(ttl time.Duration) error {
	switch {
	case ttl == NoExpiry:
		return nil
	case ttl <= 0:
		return fmt.Errorf("%w: a time to live of %v: it must be positive (NoExpiry means for ever)", ErrInvalid, ttl)
	case ttl < MinTTL:
		return fmt.Errorf("%w: a time to live of %v: the shortest is %v", ErrInvalid, ttl, MinTTL)
	case ttl > MaxTTL:
		return fmt.Errorf("%w: a time to live of %v: the longest is %v (NoExpiry means for ever)", ErrInvalid, ttl, MaxTTL)
	}
	return nil
}

// Validate returns an error that wraps [ErrInvalid] if the request breaks a rule
// that its fields state.
func (r AcquireRequest) Validate() error {
	switch {
	case r.Name == "":
		return fmt.Errorf("%w: the name is empty", ErrInvalid)
	case r.Holder == "":
		return fmt.Errorf("%w: the holder is empty", ErrInvalid)
	case r.Limit < 1 || r.Limit > MaxLimit:
		return fmt.Errorf("%w: a limit of %d: it must be from 1 to %d", ErrInvalid, r.Limit, MaxLimit)
	case r.Slots < 1 || r.Slots > r.Limit:
		return fmt.Errorf("%w: %d slots of %d: it must be from 1 to the limit", ErrInvalid, r.Slots, r.Limit)
	}
	return ValidateTTL(r.TTL)
}

// Validate returns an error that wraps [ErrInvalid] if the write breaks a rule
// that its fields state.
func (w Write) Validate() error {
	switch {
	case w.If > IfVersion:
		return fmt.Errorf("%w: unknown condition %d", ErrInvalid, w.If)
	case w.If == IfVersion && w.Version == 0:
		return fmt.Errorf("%w: IfVersion needs a version", ErrInvalid)
	case w.If != IfVersion && w.Version != 0:
		return fmt.Errorf("%w: a version needs IfVersion", ErrInvalid)
	}
	return ValidateTTL(w.TTL)
}

// ValidateKey returns an error that wraps [ErrInvalid] if key, a lease's name or a
// record's key, is empty.
func ValidateKey(key string) error {
	if key == "" {
		return fmt.Errorf("%w: the key is empty", ErrInvalid)
	}
	return nil
}
