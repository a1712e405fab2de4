package house

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

// forbidden is what no file may say. The patterns are written so that they do not
// match themselves.
var forbidden = []struct {
	pattern *regexp.Regexp
	advice  string
}{
	{
		regexp.MustCompile(`(?:^|[^\w./-])/(?:home|Users|root|work|mnt|private)/\w`),
		"That is a path of one machine. Use a path inside the repository, a temporary directory, or the environment.",
	},
	{
		regexp.MustCompile(`(?i)\b[a-z]:\\\\?users\\`),
		"That is a path of one machine. Use a path inside the repository, a temporary directory, or the environment.",
	},
	{
		regexp.MustCompile(`(?i)\b(?:proxy|sum|goproxy)\.(?:golang\.org|io|cn)\b|\bGOPROXY\s*=`),
		"Where modules come from is the machine's own business: leave it to its settings.",
	},
	{
		regexp.MustCompile(`(?i)\b(?:registry\.npmjs|pypi|files\.pythonhosted|deb\.debian|archive\.ubuntu|index\.docker|registry-1\.docker|ghcr)\.(?:org|com|io)\b`),
		"Where packages and images come from is the machine's own business: leave it to its settings.",
	},
	{
		regexp.MustCompile(`[\w/.-][@:]latest\b`),
		"Versions are pinned, those of tools too: say which one.",
	},
	{
		regexp.MustCompile(`\bgo (?:run|install|get)\b[^\n]*@(?:master|main|HEAD|upgrade|patch)\b`),
		"Versions are pinned, those of tools too: say which one, not a branch.",
	},
	{
		regexp.MustCompile(`(?m)^(?:<{7}|>{7}) `),
		"A merge was left half done here.",
	},
}

func TestForbiddenText(t *testing.T) {
	sorted(load(t).texts, func(name string, text []byte) {
		if path.Base(name) == "go.sum" || path.Base(name) == "go.work.sum" {
			return
		}
		for _, f := range forbidden {
			for _, at := range f.pattern.FindAllIndex(text, -1) {
				line := 1 + strings.Count(string(text[:at[0]]), "\n")
				t.Errorf("%s:%d: %q must not be there.\n%s", name, line, text[at[0]:at[1]], f.advice)
			}
		}
	})
}

func TestForbiddenTextCatches(t *testing.T) {
	tool := "example.com/tool"
	for text, want := range map[string]bool{
		"see " + "/home" + "/me/x":          true,
		`"` + "/work" + "/main/x":           true,
		"https://example.com/home/page":     false,
		"from the root/branch":              false,
		"a work/life balance":               false,
		"https://proxy." + "golang.org/x":   true,
		"go install " + tool + "@" + "main": true,
		tool + "@" + "latest":               true,
		"image:" + "latest":                 true,
		tool + "@v1.2.3":                    false,
		"@latest" + "er, in prose":          false,
		`C:` + `\Users\me`:                  true,
	} {
		got := false
		for _, f := range forbidden {
			got = got || f.pattern.MatchString(text)
		}
		if got != want {
			t.Errorf("%q is forbidden: %v, want %v", text, got, want)
		}
	}
}
