//go:build libzstd

package inflate

import (
	"io"

	"github.com/valyala/gozstd"
)

func init() {
	decoders = append(decoders, decoder{"zstd/libzstd", zstdWriter, func(r io.Reader) (io.Reader, error) { return gozstd.NewReader(r), nil }})
}
