// Package wire decodes the JSON of events into the types of package discord. The functions for
// each type are generated; the lexer beneath is easyjson's. They differ from encoding/json in
// speed, and in three limits for hostile input: depth, the memory that the result takes, and
// time, which is linear.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/mailru/easyjson/jlexer"
)

// What ends the decoding of hostile input.
var (
	// ErrTooDeep: objects stand inside each other deeper than any of Discord's.
	ErrTooDeep = errors.New("nested too deep")
	// ErrTooDense: the objects would take several times the memory of their JSON.
	ErrTooDense = errors.New("too many empty objects for its size")
	// ErrNoObject: the data of the event is something else.
	ErrNoObject = errors.New("its data is no object")

	errNoValue = errors.New("a bracket closes where a value was expected")
)

const (
	maxDepth   = 128     // Discord's own have 10 or so
	memory     = 2       // bytes of the result, strings apart, for each byte of JSON: Discord's own take 1.5
	memoryBase = 1 << 20 // bytes that any event may take besides
	// What Discord leaves out, the result has room for all the same. So each id brings room for what it is the id of, by its
	// digits: 2 KiB for one of the usual length, where a channel takes 480 bytes, and a member with its user 488.
	memoryDigit = 128
	idDigits    = 16
	lookAhead   = 512 // bytes of an inner array that are counted before it is made
)

// Decoder reads one value. What ends it is kept to the end: see Decode. What is merely odd, a field or an element whose value
// is not of its type, is stepped over and noted.
//
// The functions that read a value report whether there is one: not if it is null or odd, and then what they were to set is as it was.
type Decoder struct {
	jlexer.Lexer
	depth  int
	budget int64 // bytes
	odd    odd
}

var decoders = sync.Pool{New: func() any { return new(Decoder) }}

// Decode reads data, an object, into v, and returns which fields were odd, or why data cannot be read at all.
func Decode[T any](data []byte, v *T, field func(*Decoder, *T, string) bool) (Odd, error) {
	d := decoders.Get().(*Decoder) // empty
	d.Data, d.budget = data, memory*int64(len(data))+memoryBase
	read := Object(d, v, field)
	odd, err := d.odd, d.finish()
	*d = Decoder{}
	decoders.Put(d)
	switch {
	case err != nil:
		return Odd{}, err
	case odd.count == 0:
		return Odd{}, nil
	case !read:
		return Odd{}, ErrNoObject
	}
	return odd.in(data), nil
}

// finish is what has ended the decoding, without a quotation: a payload may hold secrets.
func (d *Decoder) finish() error {
	err := d.Error()
	if err == nil {
		if rest := d.Data[d.GetPos():]; len(rest) > 0 && len(bytes.TrimLeft(rest, " \t\r\n")) > 0 {
			return fmt.Errorf("something follows the value at byte %d", d.GetPos())
		}
		return nil
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	var lexer *jlexer.LexerError
	if errors.As(err, &lexer) {
		return fmt.Errorf("%.80s at byte %d", lexer.Reason, lexer.Offset)
	}
	return err
}

// spend takes bytes off what the result may still take.
func (d *Decoder) spend(bytes uintptr) bool {
	if d.budget -= int64(bytes); d.budget < 0 {
		d.AddError(ErrTooDense)
		return false
	}
	return true
}

// null consumes a null, which leaves a field as it is.
func (d *Decoder) null() bool {
	if !d.IsNull() {
		return false
	}
	d.Skip()
	return true
}

// next reports whether the value that comes next is of the kind. A null is stepped over, and so is what is odd, which is noted.
func (d *Decoder) next(kind jlexer.TokenKind) bool {
	if d.CurrentToken() == kind {
		return true
	}
	d.other()
	return false
}

// opens is next for an object or an array.
func (d *Decoder) opens(bracket byte) bool {
	if d.IsDelim(bracket) {
		return d.Ok()
	}
	d.other()
	return false
}

// other steps over a value that is not of the kind that was expected.
func (d *Decoder) other() {
	if !d.null() {
		d.skipOdd()
	}
}

// skipOdd notes that the value which comes next is odd, and steps over it.
func (d *Decoder) skipOdd() {
	if !d.Ok() {
		return
	}
	if d.IsDelim('}') || d.IsDelim(']') {
		d.AddError(errNoValue)
		return
	}
	d.odd.note(d.GetPos())
	d.SkipRecursive()
}
