package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/signalbox-go/signalbox/events/schema"
)

// TestGeneratedIsCurrent fails when the schema or the generator was changed and the generated
// files were not written anew: run "make gen".
func TestGeneratedIsCurrent(t *testing.T) {
	t.Parallel()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(s)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", "..", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not current (%v): run make gen", name, err)
		}
	}
	found, err := filepath.Glob("../../../events/zz_*")
	if err != nil || len(found) != 2 {
		t.Errorf("generated files in events: %q, %v", found, err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]string{"guild_id": "GuildID", "by_n_weekday": "ByNWeekday", "afk_channel_id": "AFKChannelID", "GUILD_BAN_ADD": "GuildBanAdd"} {
		if got := camel(wire); got != want {
			t.Errorf("camel(%q) = %q, want %q", wire, got, want)
		}
	}
	for doc, want := range map[string]string{
		"A guild.":        "// X is a guild.\n//\n// Source: page\n",
		"Texts beside it": "// X: texts beside it\n//\n// Source: page\n",
		"X are bits.":     "// X are bits.\n//\n// Source: page\n",
	} {
		if got := comment("X", doc, "page"); got != want {
			t.Errorf("comment: %q, want %q", got, want)
		}
	}
	if got, want := eventComment("X", "A thing was made.", "page"), "// X says that a thing was made.\n//\n// Source: page\n"; got != want {
		t.Errorf("comment: %q, want %q", got, want)
	}
}
