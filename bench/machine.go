package main

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

// Machine is where a run was made, as far as it matters for speed.
type Machine struct {
	System string    `json:"system"`
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Memory string    `json:"memory"`
	Go     string    `json:"go"`
	Redis  string    `json:"redis"` // the server
	Load   [2]string `json:"load"`  // of the last minute, before the run and after it
}

func thisMachine() Machine {
	m := Machine{System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(), Redis: versionOf("command redis-server")}
	m.CPU = find("/proc/cpuinfo", `(?m)^model name\s*: (.*)$`)
	if kib := find("/proc/meminfo", `(?m)^MemTotal:\s*(\d+) kB`); kib != "" {
		m.Memory = gibibytes(kib)
	}
	return m
}

func gibibytes(kib string) string {
	if len(kib) < 6 {
		return kib + " KiB"
	}
	return number(float64(atoi(kib))/(1<<20)) + " GiB"
}

// loadNow is the load of the last minute; empty where it cannot be read.
func loadNow() string { return find("/proc/loadavg", `^(\S+)`) }

// find returns what the group in pattern matches in a file; empty if there is none.
func find(file, pattern string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	if found := regexp.MustCompile(pattern).FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return ""
}

var builtWith = sync.OnceValue(func() map[string]string {
	versions := make(map[string]string)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			versions[dep.Path] = dep.Version
		}
	}
	return versions
})

// versionOf returns the version of a module that this program was built with. Of what is
// no module, such as flock(1), the name is looked up as a command. Empty: this repository.
func versionOf(module string) string {
	switch {
	case module == "":
		return ""
	case strings.HasPrefix(module, "command "):
		out, err := exec.Command(strings.TrimPrefix(module, "command "), "--version").Output() //nolint:noctx // ends at once
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	if v := builtWith()[module]; v != "" {
		return strings.TrimPrefix(module, "github.com/") + " " + v
	}
	return module
}
