//go:build !unix

package handover

import (
	"errors"
	"fmt"
	"runtime"
)

// At is no place: what is told here must be heard by one user alone.
func At(string) (Place, error) {
	return nil, fmt.Errorf("handover: %s has no sockets that one user alone may open: %w", runtime.GOOS, errors.ErrUnsupported)
}
