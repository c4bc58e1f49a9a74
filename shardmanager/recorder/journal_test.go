package recorder_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/signalbox-go/signalbox/shardmanager/recorder"
)

// TestJournalKeepsWhatItIsGiven: what is read is the end of what was added, whatever it is, and no block is more than a KiB.
func TestJournalKeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(*recorder.NewBlock()); size != 1024 {
		t.Errorf("a block has %d bytes", size)
	}
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		wide := func() uint64 { return random.Uint64() >> random.IntN(64) }
		j, added, at := recorder.NewJournal(1+random.IntN(8)), []recorder.Entry(nil), int64(1_700_000_000_000_000)
		age := int64(random.IntN(2_000_000))
		for range random.IntN(3000) {
			at += int64(random.IntN(2000))
			e := recorder.Random(1+byte(random.IntN(6)), at, wide)
			added = append(added, e)
			recorder.Add(j, e, at-age)
		}
		kept, numbers := recorder.All(j, 0)
		first := len(added) - len(kept)
		if !slices.Equal(kept, added[first:]) {
			t.Fatalf("seed %d: what is kept is not the end of what was added", seed)
		}
		for i, n := range numbers {
			if n != uint64(first+i) {
				t.Fatalf("seed %d: entry %d has the number %d", seed, first+i, n)
			}
		}
		young, _ := recorder.All(j, at-age)
		for _, e := range young {
			if !slices.Contains(kept, e) {
				t.Fatalf("seed %d: %+v", seed, e)
			}
		}
		inTime := 0
		for _, e := range added {
			if recorder.At(e) >= at-age {
				inTime++
			}
		}
		if recorder.Lost(j) == 0 && len(young) != inTime {
			t.Errorf("seed %d: %d of %d are kept, and none is said to have gone", seed, len(young), inTime)
		}
	}
}
