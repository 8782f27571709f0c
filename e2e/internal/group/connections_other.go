//go:build !linux

package group

import "errors"

// Connections is known on Linux only.
func Connections([]string) (int, error) {
	return 0, errors.ErrUnsupported
}
