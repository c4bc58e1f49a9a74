package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/signalbox-go/signalbox/events/internal/wire"
)

// OddFieldsError says which fields of an event have a value that is not of the documented type. They were left unset, and odd
// elements of lists left out; the event has everything else. Discord lets users put any value into presences, so there it says
// nothing about the bot; anywhere else, the documentation or this package is behind Discord.
type OddFieldsError struct {
	Type Type
	// Paths are the first 16, such as "presences[3].activities[0].timestamps.start", with the places that elements had as they
	// came. An element of a map is named by its place as well. There is never a value in them.
	Paths []string
	More  int // that are not in Paths
}

// Error names the event and the paths.
func (e *OddFieldsError) Error() string {
	more := ""
	if e.More > 0 {
		more = fmt.Sprintf(" and %d more", e.More)
	}
	return fmt.Sprintf("events: %s: left unset, not being of the documented type: %s%s", printable(e.Type), strings.Join(e.Paths, ", "), more)
}

// printable is an event's name, of which the gateway decides, fit for a message.
func printable(t Type) string {
	if _, known := registry[t]; known {
		return string(t)
	}
	return fmt.Sprintf("%.64q", string(t))
}

// decodeStandard decodes into a type of somebody else's. encoding/json names one odd field, and goes on behind it.
func decodeStandard(data []byte, event any) (wire.Odd, error) {
	err := json.Unmarshal(data, event)
	var odd *json.UnmarshalTypeError
	if errors.As(err, &odd) && odd.Field != "" {
		return wire.Odd{Paths: []string{odd.Field}}, nil
	}
	if err != nil {
		return wire.Odd{}, &standardError{err}
	}
	return wire.Odd{}, nil
}

// standardError is an error of encoding/json, or of a method that it calls, without the text, which may quote the data.
type standardError struct{ error }

func (e *standardError) Error() string {
	var syntax *json.SyntaxError
	if errors.As(e.error, &syntax) {
		return fmt.Sprintf("no JSON at byte %d", syntax.Offset)
	}
	return fmt.Sprintf("encoding/json: %T", e.error)
}

func (e *standardError) Unwrap() error { return e.error }
