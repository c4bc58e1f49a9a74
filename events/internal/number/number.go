// Package number reads the numbers of JSON that stand for whole ones, exactly, in every notation that JSON has: 1000, 1000.0, 1e3.
package number

import (
	"bytes"
	"math"
)

// text is a number as it stands in JSON.
type text interface{ ~string | ~[]byte }

// Int reads a whole number of 64 bits. ok is false for anything else, such as 1.5.
func Int[T text](s T) (n int64, ok bool) {
	if len(s) > 0 && s[0] != '-' {
		u, ok := Uint(s)
		return int64(u), ok && u <= math.MaxInt64
	}
	if len(s) < 2 || s[1] == '-' {
		return 0, false
	}
	u, ok := Uint(s[1:])
	return -int64(u), ok && u <= 1<<63 // the lowest has no positive
}

// Uint reads a whole number of 64 bits that is not negative. ok is false for anything else.
func Uint[T text](s T) (n uint64, ok bool) {
	if n, ok := Decimal(s); ok {
		return n, true
	}
	return whole([]byte(s))
}

// Decimal reads digits and nothing else, as Discord writes ids in strings.
func Decimal[T text](s T) (n uint64, ok bool) {
	if len(s) == 0 {
		return 0, false
	}
	short := s[:min(len(s), 19)] // which fits
	for i := range len(short) {
		c := short[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	for i := len(short); i < len(s); i++ {
		c := uint64(s[i] - '0')
		if c > 9 || n > (math.MaxUint64-c)/10 {
			return 0, false
		}
		n = n*10 + c
	}
	return n, true
}

// whole is Uint for every notation. It takes time linear in the length of s.
func whole(s []byte) (uint64, bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	mantissa, exponent := s, 0
	if e := bytes.IndexAny(s, "eE"); e >= 0 {
		var ok bool
		if exponent, ok = exponentOf(s[e+1:]); !ok {
			return 0, false
		}
		mantissa = s[:e]
	}
	before, after, dot := bytes.Cut(mantissa, []byte{'.'})
	if len(before) == 0 || len(before) > 1 && before[0] == '0' || dot && len(after) == 0 {
		return 0, false
	}
	digits := append(bytes.Clone(before), after...)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	digits = bytes.TrimLeft(digits, "0")
	if len(digits) == 0 {
		return 0, true
	}
	significant := bytes.TrimRight(digits, "0")
	zeros := len(digits) - len(significant) + exponent - len(after) // that follow what is significant
	if negative || zeros < 0 || zeros > 20 || len(significant) > 20 {
		return 0, false
	}
	return Decimal(append(significant, "00000000000000000000"[:zeros]...))
}

// exponentOf is exact up to what no number in memory has digits for.
func exponentOf(s []byte) (n int, ok bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative || len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int(c-'0'), math.MaxInt32)
	}
	if negative {
		n = -n
	}
	return n, len(s) > 0
}
