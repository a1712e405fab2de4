package check

import "github.com/go-cachify/cachify/itest/internal/history"

// The operations of the seam.
const (
	opAcquire    history.Op = "acquire"
	opEnqueue    history.Op = "enqueue"
	opExtend     history.Op = "extend"
	opRelease    history.Op = "release"
	opEvict      history.Op = "evict"
	opHolders    history.Op = "holders"
	opLook       history.Op = "look"
	opLeave      history.Op = "leave"
	opLoad       history.Op = "load"
	opSave       history.Op = "save"
	opDelete     history.Op = "delete"
	opLoadObject history.Op = "loadobject"
	opSaveObject history.Op = "saveobject"
	opPush       history.Op = "push"
)

// The conditions of a write.
const (
	ifAlways = "always"
	ifAbsent = "absent"
)
