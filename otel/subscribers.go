package leadershipotel

import (
	"maps"
	"slices"
	"sync"

	"github.com/leadership-go/leadership"
)

// subscribers are those of a member whose mailboxes are looked at.
type subscribers struct {
	mu      sync.Mutex
	running []subscriber
	ended   map[string]uint64 // what those that have ended had coalesced
}

type subscriber struct {
	name         string
	subscription *leadership.Subscription
}

// add counts s in under name.
func (l *subscribers) add(name string, s *leadership.Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	l.running = append(l.running, subscriber{name, s})
}

// coalesced is how many messages were coalesced so far, by name.
func (l *subscribers) coalesced() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	sum := make(map[string]uint64, len(l.ended)+len(l.running))
	maps.Copy(sum, l.ended)
	for _, s := range l.running {
		sum[s.name] += s.subscription.Coalesced()
	}
	return sum
}

// settle lets go of the subscriptions that have ended, and keeps what they had coalesced. The caller holds l.mu.
func (l *subscribers) settle() {
	l.running = slices.DeleteFunc(l.running, func(s subscriber) bool {
		select {
		case <-s.subscription.Done():
		default:
			return false
		}
		if l.ended == nil {
			l.ended = make(map[string]uint64)
		}
		l.ended[s.name] += s.subscription.Coalesced()
		return true
	})
}
