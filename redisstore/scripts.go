package redisstore

import (
	"embed"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

//go:embed scripts/*.lua
var scriptFiles embed.FS

// The scripts, by the method they serve.
var (
	acquireScript = script("acquire")
	extendScript  = script("extend")
	releaseScript = script("release")
	evictScript   = script("evict")
	holdersScript = script("holders")
	lookScript    = script("look")
	leaveScript   = script("leave")
	loadScript    = script("load")
	swapScript    = script("swap")
)

// script makes the script of a file. Parts that several share are included where
// the file says so: the common case of a script comes before most of them, since a
// server defines all functions above it anew with each call. Comments stay here.
func script(name string) *rueidis.Lua {
	return rueidis.NewLuaScript(source(name))
}

func source(name string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(file(name), "\n") {
		line = strings.TrimSpace(line)
		switch part, isInclude := strings.CutPrefix(line, "--include "); {
		case isInclude:
			b.WriteString(source(part))
		case line == "" || strings.HasPrefix(line, "--"):
		default:
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func file(name string) string {
	text, err := scriptFiles.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic(fmt.Sprintf("redisstore: no script %q: %v", name, err)) // not built as it should be
	}
	return string(text)
}
