package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// Result is how a scenario ended.
type Result struct {
	Steps      int           // that the scenario has
	Done       int           // of these
	Took       time.Duration // of its own clock: virtual time in a bubble
	Violations []gatewaytest.Violation
	Stats      gatewaytest.Stats
	Err        error // why it ended before its end: an *OrderError for a step that failed, or the context's; nil: it did not
}

// Status is the exit status that a program ends with: 0 all is well, 1 there were violations, 3 a step failed, or the scenario was
// stopped. 2 is for what cannot be used, such as a wrong scenario.
func (r Result) Status() int {
	switch {
	case r.Err != nil:
		return 3
	case len(r.Violations) > 0:
		return 1
	}
	return 0
}

// String is a summary of some lines: what failed, violations by their rules, and what the bot did.
func (r Result) String() string {
	var b strings.Builder
	if r.Err != nil {
		fmt.Fprintf(&b, "failed: %s\n", strings.TrimPrefix(r.Err.Error(), "control: "))
	}
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "violation: %v\n", v)
	}
	fmt.Fprintf(&b, "%d of %d steps in %v: %d violations, %d identifies, %d resumes, %d refused, %d connections\n",
		r.Done, r.Steps, r.Took.Round(time.Millisecond), len(r.Violations), r.Stats.Identifies, r.Stats.Resumes, r.Stats.Refused, r.Stats.Connections)
	return b.String()
}

// running is a scenario that is being run.
type running struct {
	control *Control
	start   time.Time
	from    time.Time // when at is 0s
	mark    mark      // the latest order
	tell    func(string)
}

// poll is how often a wait looks.
const poll = 20 * time.Millisecond

// Run carries a scenario out, and returns when it has ended, when a step has failed, or with the context or the server. tell gets a line for
// each step, and may be nil. Violations are all of the server so far.
func (s *Scenario) Run(ctx context.Context, c *Control, tell func(line string)) Result {
	if tell == nil {
		tell = func(string) {}
	}
	now := time.Now()
	r := &running{control: c, start: now, from: now, tell: tell}
	r.note()
	result := Result{Steps: len(s.steps)}
	for i, step := range s.steps {
		if result.Err = r.take(ctx, step); result.Err != nil {
			if problem := (*OrderError)(nil); errors.As(result.Err, &problem) {
				problem.Order, problem.Line = i, step.line
			}
			break
		}
		result.Done++
	}
	result.Took, result.Violations, result.Stats = time.Since(r.start), c.server.Violations(), c.server.Stats()
	return result
}

// take carries out a step, when it is due.
func (r *running) take(ctx context.Context, s *step) error {
	if err := r.sleep(ctx, time.Until(r.from.Add(s.at))); err != nil {
		return err
	}
	if s.order != nil {
		r.note()
		if _, problem := r.control.carryOut(s.order); problem != nil {
			return problem
		}
		r.say(s, "")
		return nil
	}
	for began := time.Now(); ; {
		now, lacking := r.look(s.conditions)
		switch {
		case lacking == "" && s.waits:
			r.say(s, fmt.Sprintf(": after %v", time.Since(began).Round(time.Millisecond)))
			r.from = time.Now()
			return nil
		case lacking == "":
			r.say(s, ": so it is")
			return nil
		case !s.waits:
			return &OrderError{Do: "expect", Problem: fmt.Sprintf("%s: %s", lacking, now)}
		case time.Since(began) >= s.within:
			return &OrderError{Do: "wait", Problem: fmt.Sprintf("%s: not within %v: %s", lacking, s.within, now)}
		}
		if err := r.sleep(ctx, min(poll, s.within-time.Since(began))); err != nil {
			return err
		}
	}
}

// look tells which conditions are not met, and what is so instead.
func (r *running) look(all []condition) (now, lacking string) {
	var texts, nows []string
	for _, c := range all {
		if met, now := c.met(r); !met {
			texts, nows = append(texts, c.text), append(nows, now)
		}
	}
	return strings.Join(nows, ", "), strings.Join(texts, ", ")
}

func (r *running) say(s *step, how string) {
	r.tell(fmt.Sprintf("%8.3fs  line %d: %s%s", time.Since(r.start).Seconds(), s.line, s.text, how))
}

func (r *running) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("control: the scenario was stopped: %w", context.Cause(ctx))
	case <-r.control.server.Done():
		return errors.New("control: the scenario was stopped: the server was closed")
	case <-timer.C:
		return nil
	}
}

// note marks this moment: calls from now on count.
func (r *running) note() {
	r.mark = mark{at: time.Now()}
	for _, call := range r.control.server.Calls() {
		if call.At.Equal(r.mark.at) {
			r.mark.seen++
		}
	}
}

// calls are those since the latest order.
func (r *running) calls() (all []gatewaytest.Call) {
	skip := r.mark.seen
	for _, call := range r.control.server.Calls() {
		switch {
		case call.At.Before(r.mark.at):
		case call.At.Equal(r.mark.at) && skip > 0:
			skip--
		default:
			all = append(all, call)
		}
	}
	return all
}
