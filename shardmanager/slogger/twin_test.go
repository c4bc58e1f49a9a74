package slogger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net"
	"reflect"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/shardmanager/slogger"
)

// fields draws fields of all kinds, objects and namespaces among them.
func fields(t *rapid.T, depth int) []zap.Field {
	var all []zap.Field
	for range rapid.IntRange(0, 4).Draw(t, "fields") {
		all = append(all, field(t, depth))
	}
	return all
}

// object is a field that is a group.
type object []zap.Field

func (o object) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	for _, f := range o {
		f.AddTo(enc)
	}
	return nil
}

// failing is an object that fails.
type failing struct{ zapcore.ObjectMarshaler }

func (f failing) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	_ = f.ObjectMarshaler.MarshalLogObject(enc)
	return errors.New("half of it")
}

// shy panics when it is asked for its text.
type shy struct{}

func (shy) String() string { panic("no") }

var keys atomic.Int64

func field(t *rapid.T, depth int) zap.Field {
	key := strconv.FormatInt(keys.Add(1), 36) // none comes twice: what a reader makes of two is its own business
	i, text := rapid.Int64().Draw(t, "number"), rapid.StringMatching(`[a-z <>&"\\é]{0,8}`).Draw(t, "text")
	f := float64(i) / 8
	kinds := []func() zap.Field{
		func() zap.Field { return zap.Bool(key, i%2 == 0) },
		func() zap.Field { return zap.Int64(key, i) },
		func() zap.Field { return zap.Int32(key, int32(i)) },
		func() zap.Field { return zap.Int16(key, int16(i)) },
		func() zap.Field { return zap.Int8(key, int8(i)) },
		func() zap.Field { return zap.Int(key, int(i)) },
		func() zap.Field { return zap.Uint64(key, uint64(i)) },
		func() zap.Field { return zap.Uint32(key, uint32(i)) },
		func() zap.Field { return zap.Uint16(key, uint16(i)) },
		func() zap.Field { return zap.Uint8(key, uint8(i)) },
		func() zap.Field { return zap.Uint(key, uint(i)) },
		func() zap.Field { return zap.Uintptr(key, uintptr(i)) },
		func() zap.Field { return zap.Float64(key, f) },
		func() zap.Field { return zap.Float32(key, float32(f)) },
		func() zap.Field { return zap.Complex128(key, complex(f, 1)) },
		func() zap.Field { return zap.Complex64(key, complex64(complex(f, -1))) },
		func() zap.Field { return zap.String(key, text) },
		func() zap.Field { return zap.ByteString(key, []byte(text)) },
		func() zap.Field { return zap.Binary(key, []byte(text)) },
		func() zap.Field { return zap.Duration(key, time.Duration(i)) },
		func() zap.Field { return zap.Time(key, time.Unix(i%1e9, i%1e6).UTC()) },
		func() zap.Field { return zap.Time(key, time.Time{}) },
		func() zap.Field { return zap.Stringer(key, net.IPv4(1, 2, 3, byte(i))) },
		func() zap.Field { return zap.Stringer(key, shy{}) },
		func() zap.Field { return zap.Stringer(key, (*net.IPNet)(nil)) },
		func() zap.Field { return zap.NamedError(key, errors.New(text)) },
		func() zap.Field { return zap.NamedError(key, nil) },
		func() zap.Field { return zap.Reflect(key, map[string]any{"x": text, "y": []int{1, 2}}) },
		func() zap.Field { return zap.Any(key, nil) },
		func() zap.Field { return zap.Strings(key, []string{text, "z"}) },
		func() zap.Field { return zap.Durations(key, []time.Duration{1, 2}) },
		func() zap.Field { return zap.Errors(key, []error{errors.New(text), errors.New("b")}) },
		func() zap.Field { return zap.Skip() },
	}
	if depth > 0 {
		kinds = append(kinds,
			func() zap.Field { return zap.Namespace(key) },
			func() zap.Field { return zap.Object(key, object(fields(t, depth-1))) },
			func() zap.Field { return zap.Object(key, failing{object(fields(t, depth-1))}) },
			func() zap.Field { return zap.Inline(object(fields(t, depth-1))) },
			func() zap.Field { return zap.Objects(key, []object{fields(t, 0), fields(t, 0)}) },
			func() zap.Field { return zap.Dict(key, fields(t, depth-1)...) },
		)
	}
	return kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")]()
}

// plain is a JSON object without empty ones in it: log/slog leaves out a group in which there is nothing.
func plain(t *rapid.T, text []byte) map[string]any {
	var all map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&all); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return full(all).(map[string]any)
}

func full(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, each := range v {
			if each = full(each); reflect.DeepEqual(each, map[string]any{}) {
				delete(v, key)
			} else {
				v[key] = each
			}
		}
	case []any:
		for i := range v {
			v[i] = full(v[i])
		}
	case json.Number:
		if f, err := v.Float64(); err == nil && math.Abs(f) > 1<<53 || bytes.ContainsAny([]byte(v), ".eE") {
			return f // one writes 1e+06, and the other 1000000
		}
	}
	return value
}

// TestWhatIsLoggedIsWhatZapWrites: of any fields, those of With and those of an entry, the JSON of log/slog says the same as zap's own.
func TestWhatIsLoggedIsWhatZapWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var ours, its bytes.Buffer
		config := zapcore.EncoderConfig{
			MessageKey: "msg", LevelKey: "level", NameKey: "logger", EncodeLevel: zapcore.CapitalLevelEncoder, EncodeTime: zapcore.RFC3339NanoTimeEncoder,
			EncodeDuration: zapcore.NanosDurationEncoder, EncodeName: zapcore.FullNameEncoder,
		}
		twin := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(config), zapcore.AddSync(&its), zap.DebugLevel))
		log := slogger.New(slog.NewJSONHandler(&ours, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
				return slog.Attr{}
			}
			return a
		}}))
		for range rapid.IntRange(0, 2).Draw(t, "withs") {
			with := fields(t, 2)
			twin, log = twin.With(with...), log.With(with...)
		}
		level, of := rapid.SampledFrom([]zapcore.Level{zap.DebugLevel, zap.InfoLevel, zap.WarnLevel, zap.ErrorLevel}).Draw(t, "level"), fields(t, 2)
		twin.Log(level, "message", of...)
		log.Log(level, "message", of...)
		if got, want := plain(t, ours.Bytes()), plain(t, its.Bytes()); !reflect.DeepEqual(got, want) {
			t.Fatalf("log/slog writes %s, and zap writes %s", ours.Bytes(), its.Bytes())
		}
	})
}
