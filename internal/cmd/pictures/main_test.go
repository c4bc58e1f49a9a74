package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestPicturesAreCurrent: the files are what would be drawn now, are well-formed, and are shown by a page.
func TestPicturesAreCurrent(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/rate-limits.md")
	if err != nil {
		t.Fatal(err)
	}
	all := pictures()
	for name, want := range all {
		if got, err := os.ReadFile("../../../docs/pictures/" + name); err != nil || string(got) != want {
			t.Errorf("docs/pictures/%s is not current: run go run ./internal/cmd/pictures (%v)", name, err)
		}
		if !strings.Contains(string(page), "](pictures/"+name+")") {
			t.Errorf("docs/rate-limits.md does not show %s", name)
		}
		for decoder := xml.NewDecoder(strings.NewReader(want)); ; {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	files, err := os.ReadDir("../../../docs/pictures")
	if err != nil || len(files) != len(all) {
		t.Errorf("%d files in docs/pictures, want %d: %v", len(files), len(all), err)
	}
}

// TestPictureTellsTheTruth: what is asked for breaks the limit with fixed windows, which is why it is shown, and not with the sliding one.
func TestPictureTellsTheTruth(t *testing.T) {
	t.Parallel()
	all := slid(ratelimit.Local(ratelimit.SessionStart{}).Connection(ratelimit.Shard{}, heartbeat))
	sent := 0
	for _, b := range all {
		sent += b.n
	}
	if most, _ := worst(all); sent != 2*asked || most > ratelimit.ConnectionLimit-ratelimit.Reserve(heartbeat) {
		t.Errorf("%d are sent, want %d; in the worst 60 s %d", sent, 2*asked, most)
	}
	var fixed []burst
	for _, d := range askedAt {
		fixed = append(fixed, burst{d, asked})
	}
	if most, _ := worst(fixed); most <= ratelimit.ConnectionLimit {
		t.Errorf("with fixed windows no more than %d go in 60 s", most)
	}
}
