package sim

import (
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logger writes what the process logs to nobody but a search for secrets.
func (sim *simulation) logger(p *process) *zap.Logger {
	level := zapcore.InfoLevel
	if sim.plan.Seed%8 == 0 {
		level = zapcore.DebugLevel
	}
	config := zap.NewProductionEncoderConfig()
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(config), zapcore.AddSync(&search{sim, p}), level))
}

type search struct {
	sim *simulation
	p   *process
}

// Write implements io.Writer.
func (s *search) Write(line []byte) (int, error) {
	text := string(line)
	s.sim.mu.Lock()
	secrets := append([]string{token, token[len(token)-16:]}, s.sim.secrets...)
	s.sim.mu.Unlock()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			s.sim.record(Record{Witness: Process, What: "leaked", Process: s.p.number, Shard: -1, Text: strings.ReplaceAll(text, secret, "SECRET")})
		}
	}
	return len(line), nil
}
