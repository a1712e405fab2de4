// Package keytemplate turns arguments into keys by templates in the manner of
// Python's str.format.
//
// # Templates
//
// A placeholder is a name in braces, "{{" and "}}" are literal braces:
//
//	user-{id}     the field id
//	user-{user.id} the field id of the field user
//	user-{}       the next field by position; for a scalar, the argument itself
//	user-{0}      the first field; for a scalar, the argument itself
//
// As in Python, "{}" and "{0}" do not go together in one template. Format
// specifications ("{id:03d}"), conversions ("{id!r}") and indexing ("{ids[0]}") are
// errors of [Compile], as is everything else that is wrong with a template or with
// the type of the argument.
//
// # Arguments
//
// A scalar fills one placeholder, whatever its name: "{}", "{0}", "{id}". It may occur
// more than once, but not under two names.
//
// A struct, or a pointer to one, gives its exported fields. A field is named by its
// tag, `cachify:"id"`, else by its Go name, in any case; an exact match goes before one
// in another case, and a tag before a Go name. `cachify:"-"` hides a field. The fields
// of embedded structs are promoted as in Go: a shallower name hides a deeper one, and
// two of one depth are ambiguous, which is an error if the template uses that name.
// Positions count the fields in the order of their declaration, promoted ones in the
// place of the embedded struct, without those that are hidden or ambiguous.
//
// A struct type that has a text form (see below) is a scalar if it has no exported
// fields, as [time.Time]. If it has some, names mean fields, and "{}" and "{0}" mean the
// whole.
//
// # Text
//
// Values become what Python's str makes of them: True and False, decimal integers,
// floats as by repr ("1.0", "1e-05", "inf", "nan"), strings as they are. A float32
// takes the fewest digits that give the same float32 back: 0.1, not
// 0.10000000149011612.
//
// Of the methods a type may have, AppendText is preferred to MarshalText and this to
// String; methods of the pointer count too. String is NOT used for named booleans,
// numbers and strings (type ID int, [time.Duration]): those methods are made for people
// and may round or mask, so that different values would share a key. They give their
// plain value, unless they have AppendText or MarshalText.
//
// # Different arguments, different keys
//
// If a template has one placeholder, or one that is repeated, the key is exactly
// Python's. If it has several, Python's keys are ambiguous: "{a}-{b}" makes "1-2-3" of
// ("1", "2-3") and of ("1-2", "3"). Here a value that could be confused with the text
// that separates it from the next value is percent-escaped; every other value is as in
// Python. See separator for the rule and its proof. Keys are then as distinct as the
// texts of the values that the template names. Values without a text that tells them
// apart (two NaNs, a lossy String method) share it here too.
package keytemplate
