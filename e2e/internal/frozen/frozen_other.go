//go:build !linux

package frozen

// Await returns at once where there is no /proc to ask.
func Await(int) error { return nil }
