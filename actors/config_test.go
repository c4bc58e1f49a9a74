package actors_test

import (
	"errors"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
)

// TestConfigThatCannotWorkIsTold, by the field.
func TestConfigThatCannotWorkIsTold(t *testing.T) {
	t.Parallel()
	var none *lateLimiter
	limiter := ratelimit.Local(ratelimit.SessionStart{Total: 1, Remaining: 1, MaxConcurrency: 1})
	for field, change := range map[string]func(*actors.SupervisorConfig){
		"Identify.Token":   func(cfg *actors.SupervisorConfig) { cfg.Identify.Token = "" },
		"Identify.Intents": func(cfg *actors.SupervisorConfig) { cfg.Identify.Intents = 1 << 60 },
		"URL":              func(cfg *actors.SupervisorConfig) { cfg.URL = "" },
		"Limiter":          func(cfg *actors.SupervisorConfig) { cfg.Limiter = none },
		"GatewayHosts":     func(cfg *actors.SupervisorConfig) { cfg.GatewayHosts = []string{"wss://gateway.example"} },
		"QueueLimit":       func(cfg *actors.SupervisorConfig) { cfg.QueueLimit = -1 },
		"DialRate":         func(cfg *actors.SupervisorConfig) { cfg.DialRate = -1 },
		"DeafSession":      func(cfg *actors.SupervisorConfig) { cfg.DeafSession = &actors.DeafSession{Window: -time.Second} },
	} {
		cfg := actors.SupervisorConfig{Identify: events.Identify{Token: "token"}, URL: "wss://gateway.discord.gg", Limiter: limiter}
		if _, err := actors.NewSupervisor(cfg); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		var wrong *actors.ConfigError
		if _, err := actors.NewSupervisor(cfg); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
