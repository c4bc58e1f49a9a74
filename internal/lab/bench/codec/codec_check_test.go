package codec

import "testing"

// TestEveryWayDecodesTheTape: none of the ways is fast because it fails.
func TestEveryWayDecodesTheTape(t *testing.T) {
	for _, way := range ways {
		for i := range raws {
			if err := way.decode(&raws[i]); err != nil {
				t.Fatalf("%s: %s: %v", way.name, raws[i].Type, err)
			}
		}
	}
}
