package rx

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/reactivex/rxgo/v2"

	"github.com/leadership-go/leadership"
)

// ErrItemType ends a stream that comes from rxgo with an item that is no value of the type asked for. The text names both types.
var ErrItemType = errors.New("rx: item of the wrong type")

// ErrValue ends a stream that goes to rxgo with a value that the operators there cannot carry: a nil interface, or a value
// that panics when it is compared.
var ErrValue = errors.New("rx: value that rxgo cannot carry")

// boxed is v as an item of rxgo.
func boxed[T comparable](v T) (rxgo.Item, error) {
	if m, ok := any(v).(leadership.ElectionMessage); ok {
		m.Err = comparableError(m.Err)
		return rxgo.Of(m), nil
	}
	switch value := reflect.ValueOf(&v).Elem(); {
	case any(v) == nil:
		return rxgo.Item{}, fmt.Errorf("%w: nil %v", ErrValue, reflect.TypeFor[T]())
	case !value.Comparable():
		return rxgo.Item{}, fmt.Errorf("%w: this %T holds something that can't be compared", ErrValue, v)
	}
	return rxgo.Of(v), nil
}

// comparableError is err, where necessary wrapped so that it can be compared: a store's own error may be a slice.
func comparableError(err error) error {
	if err == nil || reflect.ValueOf(err).Comparable() {
		return err
	}
	return fmt.Errorf("%w", err)
}

// unboxed is the value of an item that is no error.
func unboxed[T any](item rxgo.Item) (T, error) {
	v, ok := item.V.(T)
	if !ok {
		return v, fmt.Errorf("%w: got %T, want %v", ErrItemType, item.V, reflect.TypeFor[T]())
	}
	return v, nil
}
