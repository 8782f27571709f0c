package memory

import (
	"context"

	"github.com/leadership-go/leadership"
)

var _ leadership.Surveyor = (*Backend)(nil)

// Survey names the keys whose line has changed.
func (b *Backend) Survey(ctx context.Context, keys []string, since uint64) (changed map[string]uint64, revision uint64, err error) {
	err = b.call(ctx, "survey", func() error {
		changed, revision = make(map[string]uint64), b.store.revision
		for _, key := range keys {
			if e, ok := b.store.keys[key]; ok && e.stirred > since {
				changed[key] = e.stirred
			}
		}
		return nil
	})
	return changed, revision, err
}

// Await waits for what a candidate's watch of any of the keys reports.
func (b *Backend) Await(ctx context.Context, standing leadership.Session, keys []string, since uint64) (changed map[string]uint64, revision uint64, err error) {
	var ended <-chan struct{}
	s, own := standing.(*session)
	if own {
		ended = s.lease.ended
	}
	err = watch(ctx, ended, func() (again <-chan struct{}, err error) {
		err = b.call(ctx, "await", func() error {
			if own {
				if _, err := b.store.alive(s.lease.id); err != nil {
					return err
				}
			}
			changed, revision = make(map[string]uint64), b.store.revision
			for _, key := range keys {
				if e, ok := b.store.keys[key]; ok && e.revision > since {
					changed[key] = e.revision
				}
			}
			if len(changed) == 0 {
				again = open(&b.store.changed)
			}
			return nil
		})
		return again, err
	})
	return changed, revision, err
}
