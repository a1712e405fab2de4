package storetest

import "testing"

func TestLeftOut(t *testing.T) {
	got := leftOut([]Rule{
		{Name: "a", Needs: NeedQueue}, {Name: "b", Needs: NeedLimits | NeedFences}, {Name: "c", Needs: NeedQueue},
	})
	const want = "3 rules do not apply. Those that need queue: a, c. Those that need limits, fences: b."
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
