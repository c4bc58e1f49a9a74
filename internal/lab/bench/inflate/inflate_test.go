// Package inflate compares decoders for the gateway's compressed streams: what an event costs, and what
// memory a connection keeps once a large guild has come. For memory, run it once (-benchtime 1x): what C has freed is
// not given back, and the next run would find it.
package inflate

import (
	"bytes"
	stdzlib "compress/zlib"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/signalbox-go/signalbox/internal/lab/bench/tape"
)

const window = 256 << 10 // of the gateway's zstd, as seen

type flusher interface {
	io.Writer
	Flush() error
}

// stream is one compressed stream with a flush behind each event.
type stream struct {
	events []tape.Event
	frames [][]byte
}

func compress(b testing.TB, open func(io.Writer) (flusher, error)) (s stream) {
	b.Helper()
	s.events = tape.Generate(1, 3000, 1, false)
	var out bytes.Buffer
	w, err := open(&out)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range s.events {
		if _, err := w.Write(e.Payload); err != nil {
			b.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			b.Fatal(err)
		}
		s.frames = append(s.frames, bytes.Clone(out.Bytes()))
		out.Reset()
	}
	return s
}

func zstdWriter(w io.Writer) (flusher, error) {
	return zstd.NewWriter(w, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
}

func zlibWriter(w io.Writer) (flusher, error) { return zlib.NewWriterLevel(w, 6) }

type decoder struct {
	name string
	with func(io.Writer) (flusher, error)
	open func(io.Reader) (io.Reader, error)
}

var decoders = []decoder{
	{"zstd/klauspost-lowmem", zstdWriter, func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
	}},
	{"zstd/klauspost", zstdWriter, func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	}},
	{"zlib/klauspost", zlibWriter, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }},
	{"zlib/std", zlibWriter, func(r io.Reader) (io.Reader, error) { return stdzlib.NewReader(r) }},
}

// source gives one frame at a time, as a connection does.
type source struct {
	frames [][]byte
	now    bytes.Reader
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.next(); err != nil {
		return 0, err
	}
	return s.now.Read(p)
}

func (s *source) ReadByte() (byte, error) {
	if err := s.next(); err != nil {
		return 0, err
	}
	return s.now.ReadByte()
}

// next goes on to the next frame when one is used up.
func (s *source) next() error {
	for s.now.Len() == 0 {
		if len(s.frames) == 0 {
			return io.EOF
		}
		s.now.Reset(s.frames[0])
		s.frames = s.frames[1:]
	}
	return nil
}

// connection decodes the first n events.
func connection(b *testing.B, d decoder, s stream, n int, out []byte) io.Reader {
	b.Helper()
	r, err := d.open(&source{frames: s.frames[:n]})
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range s.events[:n] {
		if _, err := io.ReadFull(r, out[:len(e.Payload)]); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

func BenchmarkEvent(b *testing.B) {
	out := make([]byte, 4<<20)
	for _, d := range decoders {
		b.Run(d.name, func(b *testing.B) {
			s := compress(b, d.with)
			b.ResetTimer()
			for done := 0; done < b.N; done += len(s.events) {
				connection(b, d, s, len(s.events), out)
			}
		})
	}
}

// BenchmarkMemory keeps many connections that have had twenty events, the first a guild of 300 KB.
func BenchmarkMemory(b *testing.B) {
	const connections = 200
	out := make([]byte, 4<<20)
	for _, d := range decoders {
		b.Run(d.name, func(b *testing.B) {
			s := compress(b, d.with)
			for b.Loop() {
				before := resident(b)
				kept := make([]io.Reader, 0, connections)
				for range connections {
					kept = append(kept, connection(b, d, s, 20, out))
				}
				b.ReportMetric(float64(resident(b)-before)/connections, "KiB/connection")
				for _, r := range kept {
					if c, ok := r.(interface{ Release() }); ok {
						c.Release()
					}
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// resident is what the process has in memory, in KiB.
func resident(b *testing.B) int {
	b.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("resident memory is read from /proc")
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize() / 1024
}

// Every decoder gives what was compressed.
func TestDecoders(t *testing.T) {
	for _, d := range decoders {
		s := compress(t, d.with)
		r, err := d.open(&source{frames: s.frames})
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range s.events {
			got := make([]byte, len(e.Payload))
			if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, e.Payload) {
				t.Fatalf("%s: event %d: %v", d.name, i, err)
			}
		}
	}
}
