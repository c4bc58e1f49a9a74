package ratelimit

// heap is a binary heap whose items know their place, so that one may be taken out of its middle.
type heap[T any] struct {
	items  []T
	before func(a, b T) bool
	moved  func(item T, place int) // -1: it is in the heap no longer
}

func (h *heap[T]) push(item T) {
	h.items = append(h.items, item)
	h.moved(item, len(h.items)-1)
	h.up(len(h.items) - 1)
}

// remove takes out the item at a place.
func (h *heap[T]) remove(place int) {
	item, last := h.items[place], len(h.items)-1
	h.swap(place, last)
	var none T
	h.items[last] = none
	h.items = h.items[:last]
	h.moved(item, -1)
	if place < last {
		h.down(place)
		h.up(place)
	}
}

func (h *heap[T]) up(place int) {
	for place > 0 && h.before(h.items[place], h.items[(place-1)/2]) {
		h.swap(place, (place-1)/2)
		place = (place - 1) / 2
	}
}

func (h *heap[T]) down(place int) {
	for {
		first := place
		for child := 2*place + 1; child <= 2*place+2 && child < len(h.items); child++ {
			if h.before(h.items[child], h.items[first]) {
				first = child
			}
		}
		if first == place {
			return
		}
		h.swap(place, first)
		place = first
	}
}

func (h *heap[T]) swap(a, b int) {
	h.items[a], h.items[b] = h.items[b], h.items[a]
	h.moved(h.items[a], a)
	h.moved(h.items[b], b)
}
