package leadership

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// PanicError ends a subscription of which a callback, or a function given to one of its operators, panicked. The panic is a
// bug there, so it passes by the operators that handle errors. It wraps nothing, whatever the value was.
type PanicError struct {
	// Value is what panic was called with.
	Value any
	// Stack is the stack of the goroutine that panicked, as [debug.Stack] prints it.
	Stack []byte
}

// Error holds the value and the stack.
func (p *PanicError) Error() string {
	return fmt.Sprintf("leadership: panic in a callback: %v\n\n%s", p.Value, p.Stack)
}

// goexit is the value of a PanicError for a callback that called runtime.Goexit.
const goexit = "runtime.Goexit"

// call runs user code: every way into a callback leads through here or through the deliver methods of [serial].
func (s *Subscription) call(f func()) {
	returned := false
	defer func() {
		if !returned {
			s.recovered(recover())
		}
	}()
	f()
	returned = true
}

// recovered takes what recover returned in a call that did not return. The PanicError of another subscription, handed on by a panic
// with it, stays what it is.
func (s *Subscription) recovered(value any) {
	s.fail(panicked(value))
}

// panicked is the error for what recover returned in a call that did not return.
func panicked(value any) *PanicError {
	if value == nil {
		value = goexit
	}
	if p, ok := value.(*PanicError); ok && p != nil {
		return p
	}
	return &PanicError{Value: value, Stack: debug.Stack()}
}

// protect runs f, which is the user's, and hands to done what it returned, or the panic or Goexit that it ended with.
func protect(f func() error, done func(error)) {
	returned := false
	var err error
	defer func() {
		if !returned {
			err = panicked(recover())
		}
		done(err)
	}()
	err = f()
	returned = true
}

// insideCallback reports whether the calling goroutine runs in a callback of any subscription. It walks the stack: a
// microsecond or more, for slow paths.
func insideCallback() bool {
	pcs := make([]uintptr, 64)
	var pkg string
	for skip := 1; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		if n == 0 {
			return false
		}
		for frames, more := runtime.CallersFrames(pcs[:n]), true; more; {
			var frame runtime.Frame
			frame, more = frames.Next()
			if pkg == "" {
				pkg = strings.TrimSuffix(frame.Function, "insideCallback")
				continue
			}
			switch name, _ := strings.CutPrefix(frame.Function, pkg); name {
			case "(*Subscription).call", "(*serial[...]).deliver", "(*serial[...]).deliverNext":
				return true
			}
		}
	}
}
