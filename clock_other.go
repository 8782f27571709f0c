//go:build !linux

package leadership

import "time"

// bootClock is the wall clock where the standard library reaches no clock that counts suspended time. A step of the wall
// clock forwards then ends a term early, which is safe; a step backwards leaves the monotonic clock to decide.
func bootClock() time.Duration { return time.Duration(time.Now().UnixNano()) }
