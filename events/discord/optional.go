package discord

import (
	"encoding/json"
	"fmt"
)

// Optional is a field of three states: absent, null, or a value. In an update absence says
// that nothing is known of the value, and null that there is none. The zero value is absent.
type Optional[T any] struct {
	value T
	state byte
}

const (
	absent byte = iota
	null
	present
)

// Some is an Optional that holds v.
func Some[T any](v T) Optional[T] { return Optional[T]{v, present} }

// Null is an Optional that is null.
func Null[T any]() Optional[T] { return Optional[T]{state: null} }

// Get returns the value, and whether there is one.
func (o Optional[T]) Get() (T, bool) { return o.value, o.state == present }

// Or returns the value, or other if there is none.
func (o Optional[T]) Or(other T) T {
	if o.state == present {
		return o.value
	}
	return other
}

// IsNull reports whether the field was there with the value null.
func (o Optional[T]) IsNull() bool { return o.state == null }

// IsZero reports whether the field was absent.
func (o Optional[T]) IsZero() bool { return o.state == absent }

// String is the value as fmt prints it, "null" or "absent".
func (o Optional[T]) String() string {
	switch o.state {
	case absent:
		return "absent"
	case null:
		return "null"
	}
	return fmt.Sprint(o.value)
}

// MarshalJSON writes the value, or null. An absent field is left out by the tag omitzero.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if o.state != present {
		return []byte("null"), nil
	}
	return json.Marshal(o.value)
}

// UnmarshalJSON reads a value, or null.
func (o *Optional[T]) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*o = Null[T]()
		return nil
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}
