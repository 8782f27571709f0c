package drill

// Kind is a kind of fault.
type Kind string

// The kinds of faults that befall one candidate of one election, most often its leader.
const (
	HalfOpenUp     Kind = "half-open, to the store"
	HalfOpenDown   Kind = "half-open, from the store"
	HalfOpenBoth   Kind = "half-open, both ways"
	LossUp         Kind = "half of the connections lose what is sent"
	Reset          Kind = "connections reset"
	Latency        Kind = "latency 0.1 to 0.5 TTL"
	Bandwidth      Kind = "bandwidth 1 kB/s"
	PauseLong      Kind = "SIGSTOP past the successor's election"
	PauseShort     Kind = "SIGSTOP below the TTL"
	Kill           Kind = "SIGKILL, a new one in its place"
	DeleteKey      Kind = "operator deletes the key"
	Overwrite      Kind = "operator overwrites the value"
	EndSession     Kind = "operator ends the session"
	CutThenDelete  Kind = "half-open, then the key deleted"
	CutThenEnd     Kind = "half-open, then the session ended"
	PauseThenEnd   Kind = "SIGSTOP, then the session ended"
	NodeKill       Kind = "store node killed, restarted"
	StoreLeadKill  Kind = "store's leader killed, restarted"
	NodePause      Kind = "store node hung"
	StoreLeadPause Kind = "store's leader hung"
	Quorum         Kind = "quorum lost, returned"
)

// CandidateKinds are those that befall a candidate.
func CandidateKinds() []Kind {
	return []Kind{
		HalfOpenUp, HalfOpenDown, HalfOpenBoth, LossUp, Reset, Latency, Bandwidth, PauseLong, PauseShort, Kill,
		DeleteKey, Overwrite, EndSession, CutThenDelete, CutThenEnd, PauseThenEnd,
	}
}

// ServerKinds are those that befall the store, and so all elections at once.
func ServerKinds() []Kind { return []Kind{NodeKill, StoreLeadKill, NodePause, StoreLeadPause, Quorum} }

// Kinds are all.
func Kinds() []Kind { return append(CandidateKinds(), ServerKinds()...) }

// handsOver reports that the fault frees the key by ending the holder's session: by design a successor follows at once then, unless a takeover
// delay is set, so that the window in which both believe is bounded by the old one's watch, or its deadline.
func (k Kind) handsOver() bool { return k == EndSession || k == CutThenEnd || k == PauseThenEnd }

// needsLeader reports that the fault goes by who holds the key, and so befalls nobody else.
func (k Kind) needsLeader() bool {
	return k == DeleteKey || k == Overwrite || k == CutThenDelete || k.handsOver()
}
