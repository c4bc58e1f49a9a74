// Package foreign calls code that is not ours, and tells what it did instead of returning. Such code may panic, and it may
// end its goroutine (runtime.Goexit), which no recover stops.
package foreign

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
)

// PanicError says that code which is not this library's has panicked, or has ended its goroutine (runtime.Goexit). It cost
// that call. What it panicked with is named by its type and not shown, unless it is a runtime error: it may quote a secret.
type PanicError struct {
	What   string // that was called, such as "the session store's Save"
	Reason string
}

// Error tells what panicked.
func (e *PanicError) Error() string { return e.What + " panicked: " + e.Reason }

// ErrGoexit stands for the reason of a panic where there was none: the goroutine was ended.
var ErrGoexit = errors.New("runtime.Goexit was called")

// Call calls f on a goroutine of its own, which is all that runtime.Goexit can end then, and waits for it. The error is
// that of f, or a *PanicError.
func Call(what string, f func() error) error {
	c := &call{what: what, f: f}
	c.over.Add(1)
	go c.run()
	c.over.Wait()
	return c.err
}

// call is one allocation for all that Call needs: it is made for each change of a shard's state.
type call struct {
	what string
	f    func() error
	err  error
	over sync.WaitGroup
}

func (c *call) run() {
	defer c.over.Done()
	returned := false
	defer func() {
		if reason := recover(); !returned {
			c.err = Panicked(c.what, reason)
		}
	}()
	c.err = c.f()
	returned = true
}

// Catch, deferred, makes a panic an error. It is for where a goroutine for each call would cost too much: whoever owns the
// goroutine sees to it that runtime.Goexit ends it.
func Catch(what string, err *error) {
	if reason := recover(); reason != nil {
		*err = Panicked(what, reason)
	}
}

// Panicked is the error for what recover gave in a call that did not return; nil: it was ended by runtime.Goexit.
func Panicked(what string, reason any) *PanicError {
	if reason == nil {
		reason = ErrGoexit
	}
	return &PanicError{what, Text(reason)}
}

// Text is a panic's text without what may be secret, such as a token that an error of the
// user's code quotes: only the runtime's errors and our own strings come through; of others it says the type.
func Text(reason any) string {
	switch r := reason.(type) {
	case runtime.Error:
		return cut(r.Error())
	case string:
		if strings.HasPrefix(r, "actors: ") {
			return cut(r)
		}
		return "a string, not shown"
	case error:
		if r == ErrGoexit {
			return r.Error()
		}
		return fmt.Sprintf("%T", reason)
	}
	return fmt.Sprintf("a value of type %T, not shown", reason)
}

// NameOf is the name of a function, such as "main.(*bot).onMessage"; "": it is none, or nil.
func NameOf(f any) string {
	v := reflect.ValueOf(f)
	if v.Kind() != reflect.Func || v.IsNil() {
		return ""
	}
	return strings.TrimSuffix(runtime.FuncForPC(v.Pointer()).Name(), "-fm") // of a method that is bound to its value
}

func cut(text string) string {
	const most = 256
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
