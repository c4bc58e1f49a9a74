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
	negative := len(s) > 0 && s[0] == '-'
	digits := s
	if negative {
		digits = s[1:]
	}
	u, ok := Uint(digits)
	switch {
	case !ok || len(digits) > 0 && digits[0] == '-':
		return 0, false
	case negative:
		return -int64(u), u <= 1<<63 // the lowest has no positive
	}
	return int64(u), u <= math.MaxInt64
}

// Uint reads a whole number of 64 bits that is not negative. ok is false for anything else.
func Uint[T text](s T) (n uint64, ok bool) {
	if len(s) == 0 || len(s) > 19 {
		return whole([]byte(s))
	}
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return whole([]byte(s))
		}
		n = n*10 + uint64(c)
	}
	return n, true
}

// Decimal reads digits and nothing else, as Discord writes ids in strings.
func Decimal[T text](s T) (n uint64, ok bool) {
	if len(s) == 0 {
		return 0, false
	}
	for i := range len(s) {
		c := uint64(s[i] - '0')
		if c > 9 || n > math.MaxUint64/10 || n*10 > math.MaxUint64-c {
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
