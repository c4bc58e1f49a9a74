package number

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestEveryNotationOfAWholeNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "-0.0e-7": 0, "0e999999999999999999999": 0, "1.0": 1, "1e3": 1000, "8.64e4": 86400, "1.50e1": 15, "1E+2": 100, "100e-2": 1,
		"9007199254740993.0": 1<<53 + 1, "9.223372036854775807e18": math.MaxInt64, "-9223372036854775808": math.MinInt64, "-9.223372036854775808E18": math.MinInt64,
		"10000000000000000000000000e-24": 10, "0.001e3": 1, "0.000000000000000000000000000001e30": 1, "-15": -15,
	} {
		if got, ok := Int(text); !ok || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, ok, want)
		}
	}
	for text, want := range map[string]uint64{
		"18446744073709551615": math.MaxUint64, "1.8446744073709551615e19": math.MaxUint64, "184467440737095516150e-1": math.MaxUint64, "-0": 0, "1e19": 1e19,
	} {
		if got, ok := Uint([]byte(text)); !ok || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, ok, want)
		}
	}
}

func TestNoWholeNumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "-", "1.5", "1e-3", "1e300", "1e99999999999999999999", "9223372036854775808", "-9223372036854775809", "1.", ".5", "1e", "1e+", "--1", "+1", "01.0", "1_000", "0x1", "1.2.3",
		"Infinity", "NaN", "1e1e1", strings.Repeat("9", 1<<20), "1e1.0", " 1", "٣",
	} {
		if n, ok := Int(text); ok {
			t.Errorf("%.40s is read as %d", text, n)
		}
	}
	for _, text := range []string{"-1", "18446744073709551616", "1.8446744073709551616e19", "-1e0", "1e20"} {
		if n, ok := Uint(text); ok {
			t.Errorf("%s is read as %d", text, n)
		}
	}
	for _, text := range []string{"", "-1", "18446744073709551616", "99999999999999999999", "1.0", "1e3"} {
		if n, ok := Decimal(text); ok {
			t.Errorf("%s is read as %d", text, n)
		}
	}
}

// FuzzInt: what is read is what a number of any size and precision says.
func FuzzInt(f *testing.F) {
	for _, text := range []string{"0", "-0", "1e3", "1.50e1", "9223372036854775808", "12e-1", "-5", "1.8446744073709551615e19"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 40 || !json.Valid([]byte(text)) || strings.ContainsAny(text, "\"[{tfn \n\r\t") {
			return
		}
		if _, e, has := strings.Cut(strings.ToLower(text), "e"); has && len(strings.Trim(e, "+-")) > 3 {
			return // too large for the judge
		}
		want, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatal(text)
		}
		if n, ok := Int(text); ok != (want.IsInt() && want.Num().IsInt64()) || ok && n != want.Num().Int64() {
			t.Errorf("%s: %d, %v", text, n, ok)
		}
		if n, ok := Uint(text); ok != (want.IsInt() && want.Num().IsUint64()) || ok && n != want.Num().Uint64() {
			t.Errorf("%s: %d, %v", text, n, ok)
		}
	})
}
