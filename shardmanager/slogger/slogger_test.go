package slogger_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/shardmanager/slogger"
)

// recorder is a handler that keeps records, and does what it is armed with instead.
type recorder struct {
	level slog.Level
	kept  *kept
	under []string // the attributes and groups that it was made with
}

type kept struct {
	mu      sync.Mutex
	records []slog.Record
	under   [][]string
	asked   int
	arms    map[string]func() error // by method
}

func newRecorder(level slog.Level) recorder {
	return recorder{level, &kept{arms: make(map[string]func() error)}, nil}
}

func (r recorder) do(what string) error {
	r.kept.mu.Lock()
	f := r.kept.arms[what]
	r.kept.mu.Unlock()
	if f == nil {
		return nil
	}
	return f()
}

func (r recorder) arm(what string, f func() error) {
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	r.kept.arms[what] = f
}

func (r recorder) Enabled(_ context.Context, level slog.Level) bool {
	_ = r.do("Enabled")
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	r.kept.asked++
	return level >= r.level
}

func (r recorder) Handle(ctx context.Context, record slog.Record) error {
	if err := r.do("Handle"); err != nil {
		return err
	}
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	if ctx == nil {
		panic("no context")
	}
	r.kept.records, r.kept.under = append(r.kept.records, record), append(r.kept.under, r.under)
	return nil
}

func (r recorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	_ = r.do("WithAttrs")
	r.under = slices.Clone(r.under)
	for _, a := range attrs {
		r.under = append(r.under, a.String())
	}
	return r
}

func (r recorder) WithGroup(name string) slog.Handler {
	_ = r.do("WithGroup")
	r.under = append(slices.Clone(r.under), name+".")
	return r
}

// texts are what was logged, with attributes.
func (r recorder) texts() (all []string) {
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	for _, record := range r.kept.records {
		text := record.Level.String() + " " + record.Message
		record.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
		all = append(all, text)
	}
	return all
}

// TestLevelsKeepTheirOrder: those that both have keep their names, and what is off is not handled.
func TestLevelsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	h := newRecorder(slog.LevelDebug)
	log := slogger.New(h)
	for _, level := range []zapcore.Level{zap.DebugLevel, zap.InfoLevel, zap.WarnLevel, zap.ErrorLevel, zap.DPanicLevel} {
		log.Log(level, level.String())
	}
	if got, want := strings.Join(h.texts(), ", "), "DEBUG debug, INFO info, WARN warn, ERROR error, ERROR+4 dpanic"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for level, want := range map[slog.Level]int{slog.LevelInfo: 3, slog.LevelWarn: 2, slog.LevelError + 1: 0} {
		h := newRecorder(level)
		log := slogger.New(h)
		log.Debug("a")
		log.Info("b")
		log.Warn("c")
		log.Error("d")
		if got := h.texts(); len(got) != want {
			t.Errorf("of level %v: %q", level, got)
		}
	}
}

// TestWhatIsOffCostsNothing but the question: no memory, and no field is looked at. It is not parallel, since it counts allocations.
func TestWhatIsOffCostsNothing(t *testing.T) {
	h := newRecorder(slog.LevelWarn)
	log := slogger.New(h).With(zap.Int("shard", 1))
	if n := testing.AllocsPerRun(1000, func() { log.Check(zap.DebugLevel, "off") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	log.Info("off", zap.Object("o", zapcore.ObjectMarshalerFunc(func(zapcore.ObjectEncoder) error { t.Error("it is looked at"); return nil })))
	if len(h.texts()) != 0 || h.kept.asked < 1000 {
		t.Errorf("%q, asked %d times", h.texts(), h.kept.asked)
	}
}

// TestSourceIsTheLineThatHasLogged, and may be left out.
func TestSourceIsTheLineThatHasLogged(t *testing.T) {
	t.Parallel()
	h := newRecorder(slog.LevelDebug)
	log := slogger.New(h)
	log.With(zap.Int("a", 1)).Named("n").Info("here")
	_, _, line, _ := runtime.Caller(0)
	log.Sugar().Infow("there")
	slogger.New(h, zap.WithCaller(false)).Info("nowhere")
	for i, want := range []int{line - 1, line + 1} {
		source := h.kept.records[i].Source()
		if source == nil || source.Line != want || !strings.HasSuffix(source.File, "slogger_test.go") || !strings.HasSuffix(source.Function, "TestSourceIsTheLineThatHasLogged") {
			t.Errorf("%+v, want line %d", source, want)
		}
	}
	if source := h.kept.records[2].Source(); source != nil {
		t.Errorf("%+v", source)
	}
}

// TestFieldsKeepTheirTypes, and an error is the error.
func TestFieldsKeepTheirTypes(t *testing.T) {
	t.Parallel()
	h, cause, at := newRecorder(slog.LevelDebug), errors.New("cause"), time.Now()
	slogger.New(h, zap.AddStacktrace(zap.ErrorLevel)).Named("shard").Error("all", zap.Error(cause), zap.Duration("d", time.Second), zap.Time("t", at), zap.Uint8("u", 7), zap.Float32("f", 0.1),
		zap.Namespace("n"), zap.Bool("b", true), zap.Dict("g", zap.String("s", "x")))
	values := make(map[string]slog.Value)
	h.kept.records[0].Attrs(func(a slog.Attr) bool { values[a.Key] = a.Value; return true })
	for key, want := range map[string]slog.Value{
		"logger": slog.StringValue("shard"), "error": slog.AnyValue(cause), "d": slog.DurationValue(time.Second), "t": slog.TimeValue(at), "u": slog.Uint64Value(7), "f": slog.Float64Value(0.1),
		"n": slog.GroupValue(slog.Bool("b", true), slog.Group("g", slog.String("s", "x"))),
	} {
		if got := values[key]; got.Kind() != want.Kind() || !got.Equal(want) {
			t.Errorf("%s: %v of kind %v, want %v of kind %v", key, got, got.Kind(), want, want.Kind())
		}
	}
	if !strings.Contains(values["stacktrace"].String(), "TestFieldsKeepTheirTypes") {
		t.Errorf("%v", values["stacktrace"])
	}
}

// TestWithIsTheHandlersOwn: its fields are given to the handler once, and of two loggers with one origin neither has the other's.
func TestWithIsTheHandlersOwn(t *testing.T) {
	t.Parallel()
	h := newRecorder(slog.LevelDebug)
	log := slogger.New(h).With(zap.Int("a", 1))
	one, other := log.With(zap.Namespace("n"), zap.Int("b", 2), zap.Namespace("m")), log.With(zap.Int("c", 3))
	one.Info("1", zap.Int("d", 4))
	other.Info("2")
	log.Info("3")
	var got []string
	for _, under := range h.kept.under {
		got = append(got, strings.Join(under, " "))
	}
	if want := []string{"a=1 n. b=2 m.", "a=1 c=3", "a=1"}; !slices.Equal(got, want) || h.texts()[0] != "INFO 1 d=4" {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestHandlerThatPanicsCostsTheEntry: whoever logs goes on, and the count is told with the next entry.
func TestHandlerThatPanicsCostsTheEntry(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"Handle", "Enabled"} {
		h := newRecorder(slog.LevelDebug)
		var errs bytes.Buffer
		log := slogger.New(h, zap.ErrorOutput(zapcore.AddSync(&errs)))
		log.Info("one")
		h.arm(what, func() error { panic("a secret") })
		log.Info("lost")
		log.With(zap.Int("a", 1)).Warn("lost as well")
		h.arm(what, nil)
		log.Info("two")
		log.Info("three")
		want := []string{"INFO one", "WARN log entries left out: the log's handler panics entries=2", "INFO two", "INFO three"}
		if got := h.texts(); !slices.Equal(got, want) || errs.Len() != 0 {
			t.Errorf("%s: %q, want %q; %s", what, got, want, &errs)
		}
	}
}

// TestWithThatPanicsCostsItsFields.
func TestWithThatPanicsCostsItsFields(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"WithAttrs", "WithGroup"} {
		h := newRecorder(slog.LevelDebug)
		h.arm(what, func() error { panic("a bug") })
		slogger.New(h).With(zap.Int("a", 1), zap.Namespace("n"), zap.Int("b", 2)).Info("on", zap.Int("c", 3))
		if got := h.texts(); len(got) != 1 || got[0] != "INFO on c=3" || len(h.kept.under[0]) != 0 {
			t.Errorf("%s: %q", what, got)
		}
	}
}

// TestErrorOfAHandlerIsTold where the logger's own errors go.
func TestErrorOfAHandlerIsTold(t *testing.T) {
	t.Parallel()
	h := newRecorder(slog.LevelDebug)
	h.arm("Handle", func() error { return errors.New("the disk is full") })
	var errs bytes.Buffer
	log := slogger.New(h, zap.ErrorOutput(zapcore.AddSync(&errs)))
	log.Info("on")
	if !strings.Contains(errs.String(), "write error: the disk is full") {
		t.Errorf("%q", &errs)
	}
	if err := log.Sync(); err != nil {
		t.Error(err)
	}
}

// TestNilIsTheDefaultOfTheStandardLibrary.
func TestNilIsTheDefaultOfTheStandardLibrary(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	h := newRecorder(slog.LevelDebug)
	slog.SetDefault(slog.New(h))
	slogger.New(nil).Info("on")
	if got := h.texts(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}
