package slogger

import (
	"log/slog"
	"strconv"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// part is fields up to the next namespace.
type part struct {
	group string // that it begins; "": the first one begins none
	attrs []slog.Attr
}

// partsOf are fields as attributes, by namespaces. There is one at least.
func partsOf(fields []zap.Field) []part {
	enc := encoder{parts: make([]part, 1, 2)}
	enc.parts[0].attrs = make([]slog.Attr, 0, len(fields))
	for i := range fields {
		enc.field(&fields[i])
	}
	return enc.parts
}

// encoder takes fields, as zap gives them to whoever encodes, and keeps them as attributes.
type encoder struct{ parts []part }

// field takes one. zap makes a text of an error, and of a reason that fields cannot be had; the error itself says more.
func (e *encoder) field(f *zap.Field) {
	if err, is := f.Interface.(error); is && f.Type == zapcore.ErrorType {
		e.add(f.Key, slog.AnyValue(err))
		return
	}
	f.AddTo(e)
}

func (e *encoder) add(key string, value slog.Value) {
	last := &e.parts[len(e.parts)-1]
	last.attrs = append(last.attrs, slog.Attr{Key: key, Value: value})
}

// OpenNamespace begins a group, for all that comes after it.
func (e *encoder) OpenNamespace(key string) { e.parts = append(e.parts, part{group: key}) }

// AddObject takes an object as a group; where it fails, as far as it has come.
func (e *encoder) AddObject(key string, object zapcore.ObjectMarshaler) error {
	of := encoder{parts: make([]part, 1)}
	err := object.MarshalLogObject(&of)
	for i := len(of.parts) - 1; i > 0; i-- {
		of.parts[i-1].attrs = append(of.parts[i-1].attrs, slog.Attr{Key: of.parts[i].group, Value: slog.GroupValue(of.parts[i].attrs...)})
	}
	e.add(key, slog.GroupValue(of.parts[0].attrs...))
	return err
}

// AddArray takes an array as a slice: log/slog has groups of names alone.
func (e *encoder) AddArray(key string, array zapcore.ArrayMarshaler) error {
	of := zapcore.NewMapObjectEncoder()
	err := of.AddArray(key, array)
	e.add(key, slog.AnyValue(plain(of.Fields[key])))
	return err
}

// plain is a copy of what an array has become, with complex numbers as text. Parts of it may be the user's.
func plain(value any) any {
	switch v := value.(type) {
	case complex64:
		return complexText(complex128(v), 64)
	case complex128:
		return complexText(v, 128)
	case []any:
		all := make([]any, len(v))
		for i, each := range v {
			all[i] = plain(each)
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for key, each := range v {
			all[key] = plain(each)
		}
		return all
	}
	return value
}

// AddReflected takes what is none of the others, as it is.
func (e *encoder) AddReflected(key string, value any) error {
	e.add(key, slog.AnyValue(value))
	return nil
}

func (e *encoder) AddBinary(key string, v []byte)     { e.add(key, slog.AnyValue(v)) }
func (e *encoder) AddByteString(key string, v []byte) { e.add(key, slog.StringValue(string(v))) }
func (e *encoder) AddBool(key string, v bool)         { e.add(key, slog.BoolValue(v)) }

// AddComplex128 takes a complex number as text, such as "1+2i": JSON has none.
func (e *encoder) AddComplex128(key string, v complex128) {
	e.add(key, slog.StringValue(complexText(v, 128)))
}
func (e *encoder) AddComplex64(key string, v complex64) {
	e.add(key, slog.StringValue(complexText(complex128(v), 64)))
}
func (e *encoder) AddDuration(key string, v time.Duration) { e.add(key, slog.DurationValue(v)) }
func (e *encoder) AddFloat64(key string, v float64)        { e.add(key, slog.Float64Value(v)) }
func (e *encoder) AddInt(key string, v int)                { e.add(key, slog.IntValue(v)) }
func (e *encoder) AddInt64(key string, v int64)            { e.add(key, slog.Int64Value(v)) }
func (e *encoder) AddInt32(key string, v int32)            { e.add(key, slog.Int64Value(int64(v))) }
func (e *encoder) AddInt16(key string, v int16)            { e.add(key, slog.Int64Value(int64(v))) }
func (e *encoder) AddInt8(key string, v int8)              { e.add(key, slog.Int64Value(int64(v))) }
func (e *encoder) AddString(key, v string)                 { e.add(key, slog.StringValue(v)) }
func (e *encoder) AddTime(key string, v time.Time)         { e.add(key, slog.TimeValue(v)) }
func (e *encoder) AddUint(key string, v uint)              { e.add(key, slog.Uint64Value(uint64(v))) }
func (e *encoder) AddUint64(key string, v uint64)          { e.add(key, slog.Uint64Value(v)) }
func (e *encoder) AddUint32(key string, v uint32)          { e.add(key, slog.Uint64Value(uint64(v))) }
func (e *encoder) AddUint16(key string, v uint16)          { e.add(key, slog.Uint64Value(uint64(v))) }
func (e *encoder) AddUint8(key string, v uint8)            { e.add(key, slog.Uint64Value(uint64(v))) }
func (e *encoder) AddUintptr(key string, v uintptr)        { e.add(key, slog.Uint64Value(uint64(v))) }

// AddFloat32 takes the shortest number that is this one among those of 32 bits: 0.1 stays 0.1.
func (e *encoder) AddFloat32(key string, v float32) {
	short, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
	if err != nil {
		short = float64(v)
	}
	e.add(key, slog.Float64Value(short))
}

// complexText is such as "1+2i", without the parentheses that Go puts around it.
func complexText(v complex128, bits int) string {
	text := strconv.FormatComplex(v, 'f', -1, bits)
	return text[1 : len(text)-1]
}
