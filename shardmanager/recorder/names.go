package recorder

import (
	"maps"
	"sync"
	"sync/atomic"
)

// names gives short numbers to the names of events. They come from the gateway, so there are at most mostNames of them.
type names struct {
	now atomic.Pointer[namesNow]
	mu  sync.Mutex // of those who add
}

type namesNow struct {
	numbers map[string]uint64
	all     []string
}

const (
	mostNames   = 1024
	longestName = 64
	otherName   = "(another)" // what a name is called that is no usual one
)

func newNames() *names {
	n := new(names)
	n.now.Store(&namesNow{make(map[string]uint64), []string{otherName}})
	return n
}

// number is that of a name; 0: it is not kept.
func (n *names) number(name []byte) uint64 {
	if number, known := n.now.Load().numbers[string(name)]; known {
		return number
	}
	return n.add(name)
}

func (n *names) add(name []byte) uint64 {
	if len(name) > longestName {
		return 0
	}
	for _, c := range name {
		if (c < 'A' || c > 'Z') && c != '_' && (c < '0' || c > '9') {
			return 0
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.now.Load()
	if number, known := old.numbers[string(name)]; known {
		return number
	}
	if len(old.all) >= mostNames {
		return 0
	}
	next, number := &namesNow{maps.Clone(old.numbers), append(old.all[:len(old.all):len(old.all)], string(name))}, uint64(len(old.all))
	next.numbers[string(name)] = number
	n.now.Store(next)
	return number
}

// name is that of a number.
func (n *names) name(number uint64) string {
	if all := n.now.Load().all; number < uint64(len(all)) {
		return all[number]
	}
	return otherName
}
