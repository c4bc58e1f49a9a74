package transport_test

import (
	"math/rand/v2"
	"testing"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

func BenchmarkRead(b *testing.B) {
	for _, kind := range []events.Compression{events.CompressionZlib, events.CompressionZstd} {
		b.Run(string(kind), func(b *testing.B) {
			encode := encoders()[kind]
			random := rand.New(rand.NewPCG(1, 1))
			payload := object(900, random)
			inflate := transport.NewInflater(kind, 1<<20)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				frame := encode(payload)
				b.StartTimer()
				if _, err := inflate(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkConnection is what the first messages of a connection cost when there were others before.
func BenchmarkConnection(b *testing.B) {
	for _, kind := range []events.Compression{events.CompressionZlib, events.CompressionZstd} {
		b.Run(string(kind), func(b *testing.B) {
			encode := encoders()[kind]
			hello := encode(`{"op":10,"d":{"heartbeat_interval":41250}}`)
			b.ReportAllocs()
			var decoders transport.Decoders
			for b.Loop() {
				if err := transport.Connection(kind, &decoders, hello); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
