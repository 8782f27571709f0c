//go:build !linux

package fenced

import "time"

// now is the wall clock where CLOCK_MONOTONIC is not at hand: histories hold while nobody sets it.
func now() time.Duration { return time.Duration(time.Now().UnixNano()) }
