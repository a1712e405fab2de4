package core

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
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

// allScripts are those that a start makes known to the servers.
var allScripts []*Script

// Script is a program that a server runs in one step. It is put together when it is
// first needed: who links this package may talk to no server at all.
type Script struct{ text func() scriptText }

type scriptText struct{ source, sha string }

// Source is the program.
func (s *Script) Source() string { return s.text().source }

// SHA is the hash of the source, in hex, as servers know it.
func (s *Script) SHA() string { return s.text().sha }

// script makes the script of a file. Parts that several share are included where
// the file says so, once: the common case of a script comes before most of them, since
// a server defines all functions above it anew with each call. Comments stay here.
func script(name string) *Script {
	s := &Script{sync.OnceValue(func() scriptText {
		text := source(name, make(map[string]bool))
		sum := sha1.Sum([]byte(text))
		return scriptText{source: text, sha: hex.EncodeToString(sum[:])}
	})}
	allScripts = append(allScripts, s)
	return s
}

func source(name string, included map[string]bool) string {
	if included[name] {
		return ""
	}
	included[name] = true
	var b strings.Builder
	for line := range strings.SplitSeq(file(name), "\n") {
		line = strings.TrimSpace(line)
		switch part, isInclude := strings.CutPrefix(line, "--include "); {
		case isInclude:
			b.WriteString(source(part, included))
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
