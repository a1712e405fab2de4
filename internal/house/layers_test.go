package house

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// layer says what the packages of a directory may import beside the standard
// library, and what their tests may import in addition. An entry that begins with
// "./" is a package of this repository, one that ends in "/..." a tree.
type layer struct {
	dir     string
	imports []string
	tests   []string
}

// layers: the first one that matches counts. Root → driver and its memory store;
// stores → driver only. No store knows the root or what is internal to it.
var layers = []layer{
	{".", []string{"./driver", "./memstore", "./internal/..."}, []string{"./...", "go.uber.org/goleak"}},
	{"driver", nil, []string{"./driver", "./memstore"}},
	{"memstore", []string{"./driver", "github.com/maypok86/otter/v2"}, storeTests},
	{"kvstore", []string{"./driver"}, storeTests},
	{"kvstore/clienttest", []string{"./driver", "./kvstore"}, storeTests},
	{"faultstore", []string{"./driver"}, storeTests},
	{"storetest", []string{"./driver"}, storeTests},
	{"storetest/sabotage", []string{"./driver", "./storetest"}, storeTests},
	{"picklecodec", nil, []string{"."}},
	{"fence", nil, []string{"."}},
	{"internal/house/...", nil, []string{"./internal/house/..."}},
	{"internal/netfault", nil, []string{"go.uber.org/goleak"}},
	{"internal/...", []string{"./driver", "./internal/..."}, nil},
	{"examples/...", []string{".", "./driver", "./kvstore", "./memstore", "./storetest"}, []string{"./faultstore", "./kvstore/clienttest", "./examples/..."}},
}

var storeTests = []string{"./driver", "./memstore", "./kvstore/...", "./faultstore", "./storetest/...", "go.uber.org/goleak"}

// notOurs stands for all packages that are not of this repository: what a store's
// module depends on is its own business.
const notOurs = "other modules"

// outside are the layers of the modules that are not the root. A store there is one
// whose directory's name ends in "store", or a module inside of one, which may use what
// is internal to that: the same store on another client. Tests there may use the faulty
// network and servers of their own, though they are internal: they are not for those who
// use the library. itest is a test as a whole.
var outside = []layer{
	{"store", []string{"./driver", notOurs}, []string{".", "./storetest", "./storetest/...", "./faultstore", "./picklecodec", "./internal/netfault", "./internal/redisserver"}},
	{"itest", []string{".", "./driver", "./fence", "./kvstore", "./memstore", "./faultstore", "./storetest", "./storetest/sabotage", "./internal/netfault", "./internal/redisserver", notOurs, "./stores"}, nil},
	{"other", []string{".", "./driver", "./fence", "./kvstore", "./memstore", "./picklecodec", "./faultstore", "./storetest", notOurs, "./stores"}, []string{"./storetest/...", "./internal/netfault"}},
}

func (r *repo) layerOf(dir string) (layer, bool) {
	if mod := r.moduleOf(dir); mod != "." {
		l := outside[2]
		own := []string{"./" + mod, "./" + mod + "/..."}
		outer := r.moduleOf(path.Dir(mod))
		switch {
		case mod == "itest":
			l = outside[1]
		case isStore(mod):
			l = outside[0]
		case isStore(outer):
			l = outside[0]
			own = append(own, "./"+outer+"/internal/...")
		}
		l.imports = append(own, l.imports...)
		return l, true
	}
	for _, l := range layers {
		if matches(l.dir, dir) {
			return l, true
		}
	}
	return layer{}, false
}

func isStore(mod string) bool { return strings.HasSuffix(path.Base(mod), "store") }

// helpsTests tells whether a directory is only for the tests of its module.
func (r *repo) helpsTests(dir string) bool {
	return r.moduleOf(dir) != "." && strings.Contains(dir, "/internal/") && strings.HasSuffix(dir, "test")
}

// matches tells whether pattern, which may end in "/...", covers name.
func matches(pattern, name string) bool {
	tree, ok := strings.CutSuffix(pattern, "/...")
	if !ok {
		return pattern == name
	}
	return tree == "." && strings.HasPrefix(name, "./") || name == tree || strings.HasPrefix(name, tree+"/")
}

// local turns an import path of this repository into "." or "./dir".
func local(imp string) (string, bool) {
	if imp == modulePath {
		return ".", true
	}
	dir, ok := strings.CutPrefix(imp, modulePath+"/")
	return "./" + dir, ok
}

func TestLayers(t *testing.T) {
	r := load(t)
	sorted(r.dirs, func(dir string, d *goDir) {
		l, ok := r.layerOf(dir)
		if !ok {
			t.Errorf("%s: no layer is known for this directory.\n"+
				"Add a line to layers in this file that says what it may import, as little as it can.", dir)
			return
		}
		for name, f := range d.files {
			allowed := l.imports
			if isTest(name) || r.helpsTests(dir) {
				allowed = slices.Concat(l.imports, l.tests, []string{"./" + dir})
			}
			for _, spec := range f.Imports {
				imp := strings.Trim(spec.Path.Value, `"`)
				if !r.allows(allowed, imp) {
					t.Errorf("%s: %s must not import %s, only the standard library and %v.\n"+
						"Stores stand on driver, and the root on driver and memstore: move what is shared there, "+
						"or change the layers in this file and the design with them.", r.at(spec), dir, imp, allowed)
				}
			}
		}
	})
}

func (r *repo) allows(allowed []string, imp string) bool {
	name, ours := local(imp)
	switch {
	case !ours && !strings.Contains(strings.Split(imp, "/")[0], "."):
		return true // the standard library
	case !ours:
		return slices.Contains(allowed, imp) || slices.Contains(allowed, notOurs)
	}
	mod := r.moduleOf(strings.TrimPrefix(name, "./"))
	if mod != "." && slices.Contains(allowed, "./stores") {
		return true
	}
	return slices.ContainsFunc(allowed, func(p string) bool { return matches(p, name) })
}

// TestLayersCatch shows what the rule refuses.
func TestLayersCatch(t *testing.T) {
	r := &repo{mods: map[string][]string{".": {}, "redisstore": {}, "redisstore/other": {}, "cmd/cachify": {}, "itest": {}}}
	for _, c := range []struct {
		dir, imp string
		want     bool
	}{
		{".", "context", true},
		{".", modulePath + "/driver", true},
		{".", modulePath + "/internal/envelope", true},
		{".", modulePath + "/storetest", false},
		{".", "github.com/stretchr/testify/assert", false},
		{"driver", modulePath + "/memstore", false},
		{"memstore", modulePath, false},
		{"kvstore", modulePath + "/internal/envelope", false},
		{"kvstore", "github.com/maypok86/otter/v2", false},
		{"redisstore", modulePath + "/driver", true},
		{"redisstore", modulePath + "/redisstore/internal/lua", true},
		{"redisstore", "github.com/redis/go-redis/v9", true},
		{"redisstore", modulePath, false},
		{"redisstore/x", modulePath + "/internal/envelope", false},
		{"redisstore", modulePath + "/internal/netfault", false},
		{"redisstore", modulePath + "/internal/redisserver", false},
		{"redisstore", modulePath + "/memstore", false},
		{"redisstore/other", modulePath + "/driver", true},
		{"redisstore/other", modulePath + "/redisstore/internal/core", true},
		{"redisstore/other", modulePath + "/redisstore", false},
		{"redisstore/other", modulePath, false},
		{"cmd/cachify", modulePath, true},
		{"cmd/cachify", modulePath + "/redisstore", true},
		{"cmd/cachify", modulePath + "/internal/envelope", false},
		{"itest", modulePath + "/internal/netfault", true},
		{"itest/cmd/soak", modulePath + "/redisstore", true},
		{"itest", modulePath + "/internal/envelope", false},
	} {
		l, ok := r.layerOf(c.dir)
		if !ok {
			t.Errorf("%s has no layer", c.dir)
		}
		if got := r.allows(l.imports, c.imp); got != c.want {
			t.Errorf("%s imports %s: allowed is %v, want %v", c.dir, c.imp, got, c.want)
		}
	}
	if _, ok := r.layerOf("unheard-of"); ok {
		t.Error("a new directory of the root module needs a layer")
	}
}
