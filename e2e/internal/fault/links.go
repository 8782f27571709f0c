package fault

import (
	"context"
	"errors"
)

// Links are the ways of one member to several servers of its store, which fail together.
type Links []*Link

// NewLinks makes a link to each of the targets.
func NewLinks(targets ...string) (Links, error) {
	var ls Links
	for _, target := range targets {
		l, err := NewLink(target)
		if err != nil {
			ls.Close()
			return nil, err
		}
		ls = append(ls, l)
	}
	return ls, nil
}

// Addrs are the hosts and ports to connect to, in the order of the targets.
func (ls Links) Addrs() []string {
	var addrs []string
	for _, l := range ls {
		addrs = append(addrs, l.Addr())
	}
	return addrs
}

// Each does the same to all of them.
func (ls Links) Each(do func(*Link) error) error {
	errs := make([]error, len(ls))
	for i, l := range ls {
		errs[i] = do(l)
	}
	return errors.Join(errs...)
}

// Heal heals all of them.
func (ls Links) Heal(ctx context.Context) {
	for _, l := range ls {
		l.Heal(ctx)
	}
}

// Close closes all of them.
func (ls Links) Close() {
	for _, l := range ls {
		l.Close()
	}
}
