package contender

import (
	"fmt"
	"maps"
	"slices"
)

// The kinds of contenders.
const (
	// Leadership is this library.
	Leadership = "leadership"
	// LeadershipChecked is this library at Consul, with sessions that end when nobody answers at a port of the candidate's process.
	LeadershipChecked = "leadership, with a session check"
	// EtcdElection is concurrency.Election of etcd's client.
	EtcdElection = "concurrency.Election"
	// ConsulLock is Lock of Consul's client.
	ConsulLock = "consul/api Lock"
)

func kinds() map[string]Start {
	return map[string]Start{
		Leadership:        startLeadership,
		LeadershipChecked: startChecked,
		EtcdElection:      startEtcdElection,
		ConsulLock:        startConsulLock,
	}
}

// Of is the kind with that name.
func Of(kind string) (Start, error) {
	start, ok := kinds()[kind]
	if !ok {
		return nil, fmt.Errorf("contender: no kind %q: there are %q", kind, slices.Sorted(maps.Keys(kinds())))
	}
	return start, nil
}

// Peer is the kind of the store's own client that does the same job.
func Peer(store string) string {
	if store == "etcd" {
		return EtcdElection
	}
	return ConsulLock
}
