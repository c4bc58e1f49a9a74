package discord

import (
	"fmt"
	"io"
)

// Secret is a string that does not print: a token, a session id, a resume URL. Every verb of
// fmt and every encoder shows "[redacted]" instead; Reveal gives the value.
type Secret string

const redacted = "[redacted]"

// Reveal is the value itself. What it returns is an ordinary string and prints as one.
func (s Secret) Reveal() string { return string(s) }

// String is "[redacted]", or "" when there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString is the same as String.
func (s Secret) GoString() string { return s.String() }

// Format writes what String gives, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText writes what String gives, and so do JSON and structured loggers.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the value.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}
