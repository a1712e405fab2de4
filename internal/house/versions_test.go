package house

import (
	"go/version"
	"strings"
	"testing"
)

// goVersion is the language of all modules: the oldest Go that is still supported.
const goVersion = "1.25"

// needMore are directories of modules whose dependencies ask for a newer Go, with
// the version and the reason.
var needMore = map[string]struct{ version, reason string }{
	"bench": {"1.26", "go-redis and redsync, which cachify is compared with, ask for it"},
}

func TestGoDirectives(t *testing.T) {
	r := load(t)
	for dir, lines := range r.mods {
		allowed := goVersion
		if more, ok := needMore[dir]; ok {
			allowed = more.version
		}
		checkGoLines(t, dir+"/go.mod", lines, allowed)
	}
	for dir := range needMore {
		if r.mods[dir] == nil || dir == "." {
			t.Errorf("needMore in this file names %q: it must be a module other than the root", dir)
		}
	}
}

func checkGoLines(t *testing.T, file string, lines []string, allowed string) {
	t.Helper()
	found := false
	for _, line := range lines {
		words := strings.Fields(line)
		if len(words) != 2 {
			continue
		}
		switch words[0] {
		case "go":
			found = true
			if version.Compare("go"+words[1], "go"+allowed+".0") > 0 {
				t.Errorf("%s says go %s: it must be at most %s, or every user of the module has to upgrade.\n"+
					"If a dependency asks for more, add the module with the reason to needMore in this file.", file, words[1], allowed)
			}
		case "toolchain":
			t.Errorf("%s has a toolchain line: take it out, it says what one developer had", file)
		}
	}
	if !found {
		t.Errorf("%s has no go line: add \"go %s\"", file, allowed)
	}
}

// Each module is in go.work, or make test would leave it out.
func TestWorkspaceHasAllModules(t *testing.T) {
	r := load(t)
	text, ok := r.texts["go.work"]
	if !ok {
		t.Fatal("there is no go.work at the top")
	}
	used := make(map[string]bool)
	for word := range strings.FieldsSeq(string(text)) {
		if word == "." || strings.HasPrefix(word, "./") {
			used[strings.TrimPrefix(word, "./")] = true
		}
	}
	for dir := range r.mods {
		if !used[dir] {
			t.Errorf("go.work does not use ./%s: add it, or its tests are never run", dir)
		}
	}
	checkGoLines(t, "go.work", strings.Split(string(text), "\n"), newest(goVersion))
}

// newest is the newest version that a module may ask for, given the usual one.
func newest(usual string) string {
	for _, more := range needMore {
		if version.Compare("go"+more.version, "go"+usual) > 0 {
			usual = more.version
		}
	}
	return usual
}
