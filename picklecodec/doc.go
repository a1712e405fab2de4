// Package picklecodec keeps cached results as Python's pickle does, so that programs in
// Python that use py-cachify 3.1, and programs in Go, find each other's results on the
// same store.
//
//	var getUser = cachify.Must(cachify.Cached(nil, "user-{id}", fetchUser,
//		cachify.WithCodec(picklecodec.New()), cachify.TTL(5*time.Minute)))
//
// in Go, and in Python
//
//	@cached(key='user-{id}', ttl=300)
//	def get_user(id): ...
//
// share what they remember: both under "PYC-user-42-cached". Either can reset it for
// both.
//
// # What is kept
//
// Plain values, and nothing else, in both directions:
//
//	Python            Go
//	None              nil: of a pointer, slice, map or any
//	bool              every bool
//	int               ints and uints, but no uintptr; a float if it is exactly that
//	float             float64, float32
//	str               string, of valid UTF-8
//	bytes             []byte, and arrays of bytes of that length
//	list              slices, and arrays of that length
//	dict, str keys    maps with string keys, and structs
//
// Pointers stand for what they point to. Into an any come nil, bool, int64 (uint64 if
// it is larger), float64, string, []byte, []any and map[string]any.
//
// The names of a struct's fields in the dict are those of the tag `pickle:"name"`, else
// of the tag `json:"name"`, else the field's own. "-" leaves a field out; ",omitempty"
// and ",omitzero" leave it out when it is empty or zero, as in encoding/json; other
// words behind the name do nothing. The fields of an embedded struct count as those of
// the outer one, unless it has a name by a tag. Unexported fields are left out. When a
// dict is read, names have to be the same to the letter; what the struct does not have
// is passed over, and what the dict does not have is left zero.
//
// None inside a value leaves what cannot be nil zero, as null does in encoding/json. A
// whole result that is None is no result for py-cachify, and it is none for a Go type
// that cannot be nil: it counts as a miss.
//
// Methods such as MarshalJSON are not called. All else is an error: a time, a channel,
// a struct without exported fields, in Go a [*TypeError], when the function is wrapped
// if its type shows it; an int that does not fit, a float for an int, in Python a
// tuple, a set, a date, an object of a class. What cannot be read counts as a miss,
// and cachify's Events.Corrupt tells why.
//
// # Safety
//
// Pickles can name functions to be called by who reads them. This reader cannot call
// anything: it knows the opcodes of the values above, and refuses the pickle at the
// first other one ([ErrNotPlain]). It reads what Python writes by the protocols 0 to 5,
// but of bytes only those of protocol 3 and later, since earlier ones pickle a call;
// Python 3 has written protocol 3 or later by itself from the beginning. What it needs
// of memory is bounded by the length of the pickle, also if that refers to parts of
// itself many times over.
//
// Python has no such protection. Who can write to the store can run code in every
// Python program that reads a pickle there; that is so with py-cachify alone, too.
//
// What is written is protocol 4, which Python reads from 3.4 on.
package picklecodec
