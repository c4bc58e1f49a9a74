// Forecast says how long something will take and what it will cost, does it, and sets what happened beside what was foreseen: a cold start, a recovery after all
// connections were cut, and a rolling restart, on a simulated gateway, without a token. Its exit code is 1 if a time was off by more than a tenth, or an Identify was
// miscounted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	shards   = 24
	atOnce   = 8  // Identifies, and again 5 s later
	dialRate = 10 // connections in a second: few, so that a recovery takes some time
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	gateway, err := gatewaytest.Start(gatewaytest.WithShards(shards), gatewaytest.WithMaxConcurrency(atOnce))
	if err == nil {
		err = tell(ctx, os.Stdout, gateway)
		gateway.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// story holds forecasts against what then happens.
type story struct {
	out     io.Writer
	gateway *gatewaytest.Server
	m       *shardmanager.Manager
	rows    []row
}

// row is one forecast, and what happened.
type row struct {
	of                  shardmanager.Forecast
	took                time.Duration
	identifies, resumes int
}

// tell has everything foreseen and done, and prints a table. The error is what did not come true.
func tell(ctx context.Context, out io.Writer, gateway *gatewaytest.Server) (err error) {
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithDialRate(dialRate), shardmanager.WithLogger(zap.NewNop()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close(context.Background())) }()
	s := &story{out: out, gateway: gateway, m: m}
	err = s.do(ctx, shardmanager.ColdStart{}, func() error { return errors.Join(m.Start(ctx), m.WaitReady(ctx)) })
	if err != nil {
		return err
	}
	fmt.Fprintln(out, m.Budget())
	err = s.do(ctx, shardmanager.Recovery{}, func() error {
		gateway.DropAll()
		for m.Status().Ready() == shards { // they do not know it yet
			time.Sleep(time.Millisecond)
		}
		return m.WaitReady(ctx)
	})
	if err != nil {
		return err
	}
	how := shardmanager.Rolling{AtOnce: 4, Pause: time.Second}
	if err = s.do(ctx, how, func() error { return m.RollingRestartWith(ctx, how) }); err != nil {
		return err
	}
	fmt.Fprintln(out, m.Budget())
	reshard, err := m.Forecast(ctx, shardmanager.ReshardTo{Total: 2 * shards})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "foreseen, and not done here: %v\n", reshard)
	return s.judge()
}

// do has some work foreseen, and does it.
func (s *story) do(ctx context.Context, work shardmanager.Work, deed func() error) error {
	f, err := s.m.Forecast(ctx, work)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "foreseen: %v\n", f)
	before, began := s.gateway.Stats(), time.Now()
	if err := deed(); err != nil {
		return err
	}
	took, after := time.Since(began), s.gateway.Stats()
	s.rows = append(s.rows, row{f, took, after.Identifies - before.Identifies, after.Resumes - before.Resumes})
	return nil
}

// judge prints the table, and says what did not come true.
func (s *story) judge() error {
	var wrong []error
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "\n\tforeseen\thappened\tapart\tIdentifies foreseen\thappened\tResumes foreseen\thappened\t\n")
	for _, r := range s.rows {
		apart := (r.of.Duration - r.took).Seconds() / r.took.Seconds()
		verdict := "holds"
		if apart > 0.1 || apart < -0.1 || r.identifies != r.of.Identifies || r.resumes != r.of.Resumes {
			verdict = "DOES NOT HOLD"
			wrong = append(wrong, fmt.Errorf("it did not come true: %v", r.of))
		}
		of, _, _ := strings.Cut(r.of.String(), ":")
		fmt.Fprintf(table, "%s\t%v\t%v\t%+.1f %%\t%d\t%d\t%d\t%d\t  %s\n", of, r.of.Duration.Round(time.Millisecond), r.took.Round(time.Millisecond), 100*apart,
			r.of.Identifies, r.identifies, r.of.Resumes, r.resumes, verdict)
	}
	if violations := s.gateway.Violations(); len(violations) > 0 {
		wrong = append(wrong, fmt.Errorf("the gateway's rules were broken: %v", violations))
	}
	return errors.Join(append(wrong, table.Flush())...)
}
