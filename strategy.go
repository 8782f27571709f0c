package leadership

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"strings"

	"golang.org/x/mod/semver"
)

// Strategy says which of two candidates for key is to lead: more than 0 where a is to lead before b, less than 0 where b is to lead before a, and 0 where the order in which
// they came decides. It must be an order, and say the same of the same two at every call; it is called on several goroutines, and must not block. Where it panics, the key
// stays with who holds it.
//
// Each member goes by its own strategy, when it comes to hold the key, when it gives the key back, and, with election.preempt, while it leads.
type Strategy func(key string, a, b Candidate) int

// StrategyName names a strategy in the settings.
type StrategyName string

const (
	// StrategyArrival leaves it to the store who leads next: who waits longest, or, at Consul after a crash, who comes first.
	StrategyArrival StrategyName = "arrival"
	// StrategyPriority is [ByPriority].
	StrategyPriority StrategyName = "priority"
	// StrategyVersion is [ByVersion].
	StrategyVersion StrategyName = "version"
	// StrategyRandom is [ByChance].
	StrategyRandom StrategyName = "random"
)

// strategy is what n names: nil for the order of arrival. It reports false where n names nothing.
func (n StrategyName) strategy() (Strategy, bool) {
	switch n {
	case StrategyArrival:
		return nil, true
	case StrategyPriority:
		return ByPriority, true
	case StrategyVersion:
		return ByVersion, true
	case StrategyRandom:
		return ByChance, true
	}
	return nil, false
}

// ByPriority has the candidate with the highest [Profile.Priority] lead.
func ByPriority(_ string, a, b Candidate) int { return cmp.Compare(a.Priority, b.Priority) }

// ByVersion has the candidate with the highest [Profile.Version] lead, as Semantic Versioning orders them: "v1.10.0" is above "1.9.0", which is above "1.9.0-rc.1".
// The v in front may be missing, and so may the last numbers: "v2" is "2.0.0". What follows a + does not count. What is no version is below every version.
func ByVersion(_ string, a, b Candidate) int {
	return semver.Compare(canonical(a.Version), canonical(b.Version))
}

// canonical is a version with the v in front that package semver asks for.
func canonical(version string) string { return "v" + strings.TrimPrefix(version, "v") }

// ByChance has a candidate lead that key and service ids alone determine, each with the same chance: of many elections with the same candidates every instance leads about as many as every
// other. As long as the candidates are the same, so is the leader; where one goes, only the elections that it led change theirs.
func ByChance(key string, a, b Candidate) int { return cmp.Compare(lot(key, a), lot(key, b)) }

// lot is the weight of a candidate in rendezvous hashing: FNV-1a of key and instance, mixed by MurmurHash3's finalizer, since FNV changes little in its upper bits where
// only the last letters differ. It must stay as it is: members of several versions stand for one key.
func lot(key string, c Candidate) uint64 {
	digest := fnv.New64a()
	text := binary.AppendUvarint(nil, uint64(len(key))) // lest the two run into each other
	text = append(append(text, key...), c.ServiceID...)
	_, _ = digest.Write(text) // never fails
	return mixed(digest.Sum64())
}

// mixed is h after MurmurHash3's finalizer.
func mixed(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
