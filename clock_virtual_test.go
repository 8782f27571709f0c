package leadership

import "time"

// In virtual time, the system's boot clock would run on by itself, and end a term early by as much as the test took in real time.
//
//nolint:gochecknoinits // before any test
func init() { readBoot = func() time.Duration { return time.Duration(time.Now().UnixNano()) } }
