package drill

import "slices"

// Kind is a kind of what befalls an election: a fault, or an order, or both.
type Kind string

// The kinds of faults that befall one candidate of one election, most often its leader.
const (
	HalfOpenUp    Kind = "half-open, to the store"
	HalfOpenDown  Kind = "half-open, from the store"
	HalfOpenBoth  Kind = "half-open, both ways"
	LossUp        Kind = "half of the connections lose what is sent"
	Reset         Kind = "connections reset"
	Latency       Kind = "latency 0.1 to 0.5 TTL"
	Bandwidth     Kind = "bandwidth 1 kB/s"
	PauseLong     Kind = "SIGSTOP past the successor's election"
	PauseShort    Kind = "SIGSTOP below the TTL"
	Kill          Kind = "SIGKILL, a new one in its place"
	DeleteKey     Kind = "operator deletes the key"
	Overwrite     Kind = "operator overwrites the value"
	EndSession    Kind = "operator ends the session"
	CutThenDelete Kind = "half-open, then the key deleted"
	CutThenEnd    Kind = "half-open, then the session ended"
	PauseThenEnd  Kind = "SIGSTOP, then the session ended"

	ToldResign         Kind = "told to resign"
	ToldTransfer       Kind = "told to transfer to one that waits"
	ToldStandDown      Kind = "told to stand down for a while"
	FallsSick          Kind = "falls sick, gets well"
	OthersResign       Kind = "told to stand down, the others to resign"
	SickOthersResign   Kind = "falls sick, the others told to resign"
	CutThenResign      Kind = "half-open, then told to resign"
	CutThenSick        Kind = "half-open, then sick"
	LossThenTransfer   Kind = "half of the connections lose what is sent, then told to transfer"
	TransferToStopped  Kind = "told to transfer to one that is stopped (SIGSTOP)"
	TransferToCut      Kind = "told to transfer to one whose links are half-open"
	TransferThenDelete Kind = "told to transfer, then the key deleted"
	ResignThenKill     Kind = "told to resign, then SIGKILL, a new one in its place"

	CheckFails     Kind = "session check fails, passes again"
	CutThenCheck   Kind = "half-open, then the session check fails"
	DeleteAndCheck Kind = "half-open, key deleted, then the session check fails"

	NodeKill       Kind = "store node killed, restarted"
	StoreLeadKill  Kind = "store's leader killed, restarted"
	NodePause      Kind = "store node hung"
	StoreLeadPause Kind = "store's leader hung"
	Quorum         Kind = "quorum lost, returned"
)

// CandidateKinds are those that befall a candidate, of whichever library.
func CandidateKinds() []Kind {
	return []Kind{
		HalfOpenUp, HalfOpenDown, HalfOpenBoth, LossUp, Reset, Latency, Bandwidth, PauseLong, PauseShort, Kill,
		DeleteKey, Overwrite, EndSession, CutThenDelete, CutThenEnd, PauseThenEnd,
	}
}

// OrderKinds are those in which a candidate of ours is told to do something.
func OrderKinds() []Kind {
	return []Kind{
		ToldResign, ToldTransfer, ToldStandDown, FallsSick, OthersResign, SickOthersResign, CutThenResign, CutThenSick, LossThenTransfer, TransferToStopped, TransferToCut,
		TransferThenDelete, ResignThenKill,
	}
}

// CheckKinds are those that befall a candidate of ours whose session has a check.
func CheckKinds() []Kind { return []Kind{CheckFails, CutThenCheck, DeleteAndCheck} }

// ServerKinds are those that befall the store, and so all elections at once.
func ServerKinds() []Kind { return []Kind{NodeKill, StoreLeadKill, NodePause, StoreLeadPause, Quorum} }

// Kinds are all.
func Kinds() []Kind {
	return slices.Concat(CandidateKinds(), OrderKinds(), CheckKinds(), ServerKinds())
}

// orders reports that somebody is told to do something.
func (k Kind) orders() bool { return slices.Contains(OrderKinds(), k) || k.checks() }

// checks reports that it is about a session check.
func (k Kind) checks() bool { return slices.Contains(CheckKinds(), k) }

// calm reports that nothing breaks: what is told is to succeed.
func (k Kind) calm() bool {
	return slices.Contains([]Kind{ToldResign, ToldTransfer, ToldStandDown, OthersResign, SickOthersResign}, k)
}

// handsOver reports that the fault frees the key by ending the holder's session: by design a successor follows at once then, unless a takeover
// delay is set, so that the window in which both believe is bounded by the old one's watch, or its deadline.
func (k Kind) handsOver() bool { return k == EndSession || k == CutThenEnd || k == PauseThenEnd }

// needsLeader reports that the fault goes by who holds the key, and so befalls nobody else.
func (k Kind) needsLeader() bool {
	return k.handsOver() || slices.Contains([]Kind{
		DeleteKey, Overwrite, CutThenDelete, ToldResign, ToldTransfer, CutThenResign, LossThenTransfer, TransferToStopped, TransferToCut,
		TransferThenDelete, ResignThenKill, DeleteAndCheck,
	}, k)
}
