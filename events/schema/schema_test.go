package schema_test

import (
	"testing"

	"github.com/signalbox-go/signalbox/events/schema"
)

func TestLoad(t *testing.T) {
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(s.Events), len(s.Objects), len(s.Enums))
}
