package leadership

import "time"

// op is a kind of request to the store. At most one of each kind is under way.
type op int

const (
	opOpen     op = iota // open a session, or attach the given one
	opRenew              // renew the session
	opCampaign           // stand for the key and read it
	opObserve            // read the key
	opWatch              // wait for a change of the key
	opLifetime           // ask how long an earlier holder may still believe
	opRelease            // resign the key and close the session
	opCount
)

func (o op) String() string {
	return [opCount]string{"open session", "renew session", "campaign", "observe", "watch", "ask lifetime", "release"}[o]
}

// request is a call that the loop makes to the store on behalf of step. Each gets exactly one reply.
type request struct {
	op    op
	seq   uint64
	limit time.Duration // how long the call may take
	// What the call is about, by op:
	attach  bool        // opOpen: adopt the given session instead of making one
	session string      // opLifetime: the session asked about
	seen    Observation // opWatch
	sign    bool        // opRelease: leave the sign of a leader that resigned
	given   bool        // opRelease: the session is not ours to end; opCampaign, of a member with a strategy: the same
	doubted []string    // opCampaign, of a member with a strategy: who may believe if the key turns out to be ours; see state.doubted
	keep    bool        // opRelease: resign only
	heir    Vote        // opRelease: who is to hold the key next; the zero Vote: whoever waits
}

// reply is how a request ended.
type reply struct {
	op       op
	seq      uint64
	err      error
	session  string        // opOpen
	ttl      time.Duration // opOpen: as granted
	seen     Observation   // opCampaign, opObserve
	lifetime time.Duration // opLifetime
}

// inputKind says what happened.
type inputKind int

const (
	inTick      inputKind = iota // time has passed
	inReply                      // a request ended
	inResign                     // the user resigns
	inClose                      // the user closes the member
	inLapsed                     // a check of the term found its deadline over
	inFailed                     // work of the current term failed
	inDoubt                      // somebody read the key, and it was not ours
	inStandDown                  // the user has the member stand down for a while
	inHealth                     // the member turned out to be sick, or well again
)

// input is one thing that happened, and when.
type input struct {
	now   instant
	kind  inputKind
	busy  bool // work of a term runs
	reply reply
	err   error         // inFailed: of the work; inHealth: why it is sick, nil when it is well
	wait  time.Duration // inStandDown: for how long
	heir  Vote          // inResign: who is to lead next
	again bool          // inResign: the member stands again at once
	keep  bool          // inFailed: lead on
}

// termChange says what became of the term in one step.
type termChange int

const (
	termSame termChange = iota
	termStart
	termExtend
	termEnd
)

// effects is what the loop has to do after a step, in the order of the fields.
type effects struct {
	term     termChange
	cause    error // of termEnd
	stop     error // why the work of the term is to return, while the term goes on; nil: it is not
	messages []ElectionMessage
	cancels  []op
	requests []request
	released bool  // what Resign waits for: nothing is held any more
	err      error // of the release
	done     bool  // the member is closed
}
