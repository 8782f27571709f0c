package sse

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/leadership-go/leadership"
)

// NoReplay as [Options].Replay has a new client get only what comes after it.
const NoReplay = -1

// Options sets how a [Handler] serves its stream. The zero value of each field means its default.
type Options[T any] struct {
	// Keep is how many events are kept for clients that come back; up to twice as many take memory. Default 1024, at most 1048576.
	Keep int
	// Replay is how many of the latest events a new client gets first, at most Keep. Default 1; [NoReplay] is none.
	Replay int
	// Heartbeat is after how long without an event a comment is sent, so that no proxy takes the connection for idle. Default 15 s, at
	// least 1 ms.
	Heartbeat time.Duration
	// Retry is how long a client is told to wait before it reconnects, in whole milliseconds. Default 0: the client's own choice, some seconds.
	Retry time.Duration
	// WriteTimeout is how long a client may take for 32 KiB of what is written to it before it is given up. Default 10 s, at least 1 ms.
	WriteTimeout time.Duration
	// Encode makes the data of an event, in UTF-8. LF, CR and CRLF in it all arrive as LF. Default [json.Marshal]. An error
	// makes the event an "invalid" one. Neither function runs for two events at a time.
	Encode func(v T) ([]byte, error)
	// Event names the type of an event, for addEventListener in the page; "" is message. A name that holds a line break or is one of gap,
	// invalid and end makes the event an "invalid" one. Default none: all are messages.
	Event func(v T) string
}

// The defaults and bounds of [Options].
const (
	defaultKeep         = 1024
	maxKeep             = 1 << 20
	defaultReplay       = 1
	defaultHeartbeat    = 15 * time.Second
	defaultWriteTimeout = 10 * time.Second
	minTime             = time.Millisecond
)

func (o Options[T]) withDefaults() Options[T] {
	o.Keep = cmp.Or(o.Keep, defaultKeep)
	o.Replay = cmp.Or(o.Replay, defaultReplay)
	o.Heartbeat = cmp.Or(o.Heartbeat, defaultHeartbeat)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, defaultWriteTimeout)
	if o.Encode == nil {
		o.Encode = func(v T) ([]byte, error) { return json.Marshal(v) }
	}
	if o.Event == nil {
		o.Event = func(T) string { return "" }
	}
	return o
}

// validate checks options that have their defaults.
func (o Options[T]) validate() error {
	switch {
	case o.Keep < 0:
		return leadership.InvalidConfig("sse.Options.Keep", o.Keep, "must not be negative")
	case o.Keep > maxKeep:
		return leadership.InvalidConfig("sse.Options.Keep", o.Keep, fmt.Sprintf("must be at most %d", maxKeep))
	case o.Replay < NoReplay:
		return leadership.InvalidConfig("sse.Options.Replay", o.Replay, "must not be negative, but for NoReplay")
	case o.Replay > o.Keep:
		return leadership.InvalidConfig("sse.Options.Replay", o.Replay, fmt.Sprintf("must be at most sse.Options.Keep %d", o.Keep))
	case o.Retry%time.Millisecond != 0:
		return leadership.InvalidConfig("sse.Options.Retry", o.Retry, "must be whole milliseconds")
	}
	for _, d := range []struct {
		field string
		value time.Duration
		least time.Duration
	}{
		{"sse.Options.Heartbeat", o.Heartbeat, minTime},
		{"sse.Options.Retry", o.Retry, 0},
		{"sse.Options.WriteTimeout", o.WriteTimeout, minTime},
	} {
		switch {
		case d.value < 0:
			return leadership.InvalidConfig(d.field, d.value, "must not be negative")
		case d.value < d.least:
			return leadership.InvalidConfig(d.field, d.value, fmt.Sprintf("must be at least %v", d.least))
		}
	}
	return nil
}
