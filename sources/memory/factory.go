package memory

import "github.com/leadership-go/leadership"

// NewClusterFactory returns a factory whose members stand at store, each with a backend of its own. With a nil store they share
// a new one.
func NewClusterFactory(store *Store) *leadership.ClusterFactory {
	if store == nil {
		store = NewStore()
	}
	return leadership.NewClusterFactory(func(cfg leadership.Config) (leadership.Backend, error) {
		return store.BackendFor(cfg.Profile), nil
	})
}
