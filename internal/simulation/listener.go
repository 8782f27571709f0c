package simulation

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/grammar"
)

// listener is one subscriber, and all that it heard.
type listener struct {
	what    string
	prompt  bool // it takes no time over a message, so that each has to come at once
	began   time.Time
	least   int // how many messages the first subscriber had heard before this one subscribed
	sub     *leadership.Subscription
	started chan struct{} // closed once sub is set

	mu      sync.Mutex
	heard   []leadership.ElectionMessage
	grammar grammar.Checker
	err     error
	ended   time.Time // when the stream completed
}

// listen subscribes. during is called with the number of each message, from 1.
func listen(
	what string, prompt bool, stream leadership.Observable[leadership.ElectionMessage], first *listener,
	during func(l *listener, n int, m leadership.ElectionMessage), opts ...leadership.SubscribeOption,
) *listener {
	l := &listener{what: what, prompt: prompt, began: time.Now(), started: make(chan struct{})}
	if first != nil {
		l.least = len(first.messages())
	}
	l.sub = stream.Subscribe(func(m leadership.ElectionMessage) {
		n := l.hear(m)
		if during != nil {
			during(l, n, m)
		}
	}, append(opts, leadership.OnComplete(l.end))...)
	close(l.started)
	return l
}

// hear notes a message and returns its number.
func (l *listener) hear(m leadership.ElectionMessage) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, m)
	n := len(l.heard)
	if err := l.grammar.Next(string(m.Status), m.Term, m.Err); err != nil {
		l.fail(fmt.Errorf("message %d: %w", n, err))
	}
	now := time.Now()
	if l.prompt && !m.Time.Before(l.began) && !m.Time.Equal(now) {
		l.fail(fmt.Errorf("message %d, %s of %v, came %v late", n, m.Status, m.Time, now.Sub(m.Time)))
	}
	return n
}

// fail notes the first thing that is wrong. The caller holds the lock.
func (l *listener) fail(err error) {
	if l.err == nil {
		l.err = fmt.Errorf("%s: %w", l.what, err)
	}
}

// end notes the completion.
func (l *listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = time.Now()
}

// over is when the stream completed, if it has.
func (l *listener) over() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *listener) messages() []leadership.ElectionMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.heard)
}

func (l *listener) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// leads says whether the messages so far say that the member leads, and for which token.
func (l *listener) leads() (leads bool, token uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range slices.Backward(l.heard) {
		switch m.Status {
		case leadership.StatusElectedFirst:
			return true, m.Term
		case leadership.StatusRelegation:
			return false, 0
		case leadership.StatusElected, leadership.StatusNotElected, leadership.StatusError:
		}
	}
	return false, 0
}

// completed checks a stream that its member has ended.
func (l *listener) completed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if err := l.sub.Err(); err != nil {
		return fmt.Errorf("%s: ended by %w", l.what, err)
	}
	if err := l.grammar.End(); err != nil {
		return fmt.Errorf("%s: %w", l.what, err)
	}
	return nil
}

// compare checks what l heard against what the first subscriber of the same member heard: the state at one moment, no earlier than
// when l subscribed, and then all that followed, as far as l stayed; without what was replaced in its mailbox, which is counted.
func (l *listener) compare(first *listener) error {
	if err := l.failed(); err != nil {
		return err
	}
	all, heard := first.messages(), l.messages()
	ended := l.sub.Err()
	whole := ended == nil // it was there to the end
	skipped := l.sub.Coalesced()
	if closed := first.over(); len(heard) == 0 && !closed.IsZero() && !closed.After(l.began) {
		return nil // it came after the end
	}
	var state []leadership.ElectionMessage
	why := "nobody hears that"
	for at := 0; at <= len(all); at++ {
		if at > 0 {
			state = replayed(state, all[at-1])
		}
		if at < l.least {
			continue
		}
		if at < len(all) && all[at].Time.Before(l.began) {
			continue // it was said before l subscribed
		}
		if at > 0 && all[at-1].Time.After(l.began) {
			break // it was said after l had subscribed
		}
		text := follows(heard, append(slices.Clip(state), all[at:]...), skipped, whole)
		if text == "" {
			return nil
		}
		why = text
	}
	return fmt.Errorf("%s did not hear what was said: heard %s\n\tof %s\n\t%s (it subscribed at %v, ended by %s, lacks %d)",
		l.what, short(heard), short(all), why, l.began.Format("04:05.000"), fmt.Sprint(ended), skipped)
}

// replayed is what a subscriber gets first after one more message, by the rules in the documentation.
func replayed(state []leadership.ElectionMessage, m leadership.ElectionMessage) []leadership.ElectionMessage {
	switch m.Status {
	case leadership.StatusElected:
		if len(state) == 2 {
			return state
		}
		return []leadership.ElectionMessage{m}
	case leadership.StatusElectedFirst:
		return append(slices.Clip(state), m)
	case leadership.StatusNotElected:
		return []leadership.ElectionMessage{m}
	case leadership.StatusRelegation, leadership.StatusError:
	}
	return state
}

// follows says how heard differs from want, of which skipped messages were replaced by later ones, or "". Without whole, heard may
// end early, and skipped may count some that come later.
func follows(heard, want []leadership.ElectionMessage, skipped uint64, whole bool) string {
	next := 0
	var left uint64
	for i, m := range heard {
		for next < len(want) && !same(m, want[next]) {
			if !replaceable(want, next) {
				return fmt.Sprintf("instead of message %d it was to hear %s", i+1, short(want[next:next+1]))
			}
			left++
			next++
		}
		if next == len(want) {
			return fmt.Sprintf("message %d was never said, or twice", i+1)
		}
		next++
	}
	if whole && next < len(want) {
		return fmt.Sprintf("it lacks the last %d", len(want)-next)
	}
	if left > skipped || whole && left != skipped {
		return fmt.Sprintf("it lacks %d, and counts %d", left, skipped)
	}
	return ""
}

// replaceable says whether a later message of the same run says the same as want[i].
func replaceable(want []leadership.ElectionMessage, i int) bool {
	if edge(want[i]) {
		return false
	}
	for _, later := range want[i+1:] {
		if edge(later) {
			return false
		}
		if later.Status == want[i].Status {
			return true
		}
	}
	return false
}

func edge(m leadership.ElectionMessage) bool {
	return m.Status == leadership.StatusElectedFirst || m.Status == leadership.StatusRelegation
}

// same says whether two subscribers got one message, which is not one that says the same.
func same(a, b leadership.ElectionMessage) bool {
	return a.Status == b.Status && a.Vote == b.Vote && a.Term == b.Term && a.Time.Equal(b.Time) && sameError(a.Err, b.Err)
}

func sameError(a, b error) bool {
	if a == nil || b == nil || !reflect.TypeOf(a).Comparable() || !reflect.TypeOf(b).Comparable() {
		return fmt.Sprint(a) == fmt.Sprint(b)
	}
	return a == b //nolint:errorlint // one error, not one kind
}

// short prints messages in brief.
func short(list []leadership.ElectionMessage) string {
	var out []byte
	for i, m := range list {
		if i == 12 && len(list) > 24 {
			out = fmt.Appendf(out, " … %d more …", len(list)-24)
		}
		if i >= 12 && i < len(list)-12 {
			continue
		}
		out = fmt.Appendf(out, " %s@%s/%d", m.Status, m.Time.Format("04:05.000"), m.Term)
	}
	return string(out)
}

// periods are the terms that a stream told of.
type period struct {
	seat       int
	token      uint64
	from, till time.Time
}

// periods lists the terms in what l heard, which is complete.
func (l *listener) periods(seat int) []period {
	var list []period
	for _, m := range l.messages() {
		switch m.Status {
		case leadership.StatusElectedFirst:
			list = append(list, period{seat: seat, token: m.Term, from: m.Time})
		case leadership.StatusRelegation:
			if n := len(list); n > 0 {
				list[n-1].till = m.Time
			}
		case leadership.StatusElected, leadership.StatusNotElected, leadership.StatusError:
		}
	}
	return list
}

// errStream: the streams of two members contradict each other.
var errStream = errors.New("the streams tell of two leaders")
