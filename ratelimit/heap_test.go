package ratelimit

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestHeapAgainstSorting: whatever is taken out of its middle, the first is the least, and each item knows its place.
func TestHeapAgainstSorting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type item struct{ value, place int }
		h := heap[*item]{before: func(a, b *item) bool { return a.value < b.value }, moved: func(i *item, place int) { i.place = place }}
		var all []*item
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			if len(all) > 0 && rapid.IntRange(0, 3).Draw(t, "step") == 0 {
				n := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				h.remove(all[n].place)
				if all[n].place != -1 {
					t.Fatal("it does not know that it was taken out")
				}
				all = slices.Delete(all, n, n+1)
			} else {
				i := &item{value: rapid.IntRange(0, 50).Draw(t, "value")}
				h.push(i)
				all = append(all, i)
			}
			for n, i := range h.items {
				if i.place != n || n > 0 && i.value < h.items[(n-1)/2].value {
					t.Fatalf("item %d of %d has the value %d, and place %d", n, len(h.items), i.value, i.place)
				}
			}
			if len(h.items) != len(all) {
				t.Fatalf("%d are in it, of %d", len(h.items), len(all))
			}
		}
	})
}
