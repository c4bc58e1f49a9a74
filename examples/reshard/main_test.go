package main

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// TestReshard: there and back no event is lost and none comes twice, and each send is answered once.
func TestReshard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gateway := gatewaytest.NewServer(t, append(world(), gatewaytest.WithVirtualNetwork())...)
		var out strings.Builder
		if err := newStory(&out, gateway).tell(); err != nil {
			t.Error(err)
		}
		t.Log(out.String())
		for _, want := range []string{"warming", "comparing", "cutting", "retiring", "4 to 8", "8 to 4"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("it does not tell of %q", want)
			}
		}
	})
}

// TestTableTells: what does not hold is an error, and shown.
func TestTableTells(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*story){
		"invented": func(s *story) { s.handles("message", "that nobody has written") },
		"lost":     func(s *story) { s.happens("message", "that nobody is told of") },
		"twice": func(s *story) {
			s.handles("message", "again")
			s.handles("message", "again")
			s.happens("message", "again")
		},
		"sent twice": func(s *story) { s.asked[1] = &send{in: s.chapter(), reached: 2, ended: 1} },
		"unanswered": func(s *story) { s.asked[1] = &send{in: s.chapter(), reached: 1} },
		"Identifies": func(s *story) { s.chapter().identifies++ },
		"sessions":   func(s *story) { s.chapter().peak++ },
		"order":      func(s *story) { s.chapter().disordered++ },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				gateway := gatewaytest.NewServer(t, append(world(), gatewaytest.WithVirtualNetwork())...)
				var out strings.Builder
				s := newStory(&out, gateway)
				s.begin("0 to 1")
				if err := s.judge(); err != nil {
					t.Fatal(err)
				}
				do(s)
				if err := s.judge(); err == nil || name != "invented" && !strings.Contains(out.String(), "DOES NOT HOLD") {
					t.Errorf("%v\n%s", err, out.String())
				}
			})
		})
	}
}
