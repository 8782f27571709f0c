package leadership

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Status says what an [ElectionMessage] reports.
type Status string

// The five statuses. For one member they follow the grammar
//
//	( notelected | elected elected.first elected* notelected relegation )* complete
//
// where error may stand anywhere. elected and notelected repeat at the vote
// frequency; the edges elected.first and relegation come at once.
const (
	// StatusElected: this member leads. Sent right before elected.first and then at every vote.
	StatusElected Status = "elected"
	// StatusElectedFirst opens a term. It is sent once, after the store has confirmed the key for the own session.
	StatusElectedFirst Status = "elected.first"
	// StatusNotElected: this member does not lead. Sent at every vote and right before relegation.
	StatusNotElected Status = "notelected"
	// StatusRelegation closes a term; Err says why it ended. Exactly one for each elected.first.
	StatusRelegation Status = "relegation"
	// StatusError reports a failure that the member goes on from; Err holds the cause.
	StatusError Status = "error"
)

// ElectionMessage is one event of a member's stream.
type ElectionMessage struct {
	// Status says what happened.
	Status Status
	// Vote is the vote of the member that leads now, as read back from the store;
	// nil when nobody is known to lead, or when the vote can't be read. All subscribers share it: don't change it.
	Vote *Vote
	// Err is the cause of an error or a relegation; nil otherwise. Test it with [errors.Is].
	Err error
	// Term is the fencing token of the term that the message is about: the own
	// one in elected, elected.first and relegation, the leader's in notelected,
	// 0 when there is none. Tokens of one key only grow.
	Term uint64
	// Time is when the member made the message, by the local wall clock.
	Time time.Time
}

// String is the message as the Java library leadership-consul prints it.
func (m ElectionMessage) String() string {
	return fmt.Sprintf("ElectionMessage(status=%s, vote=%s, error=%s)", m.Status, orNull(m.Vote), orNull(m.Err))
}

// orNull is %v, with Java's spelling for what is not there.
func orNull(v any) string {
	switch v := v.(type) {
	case *Vote:
		if v == nil {
			return "null"
		}
	case nil:
		return "null"
	}
	return fmt.Sprint(v)
}

// messageJSON is the shape of an [ElectionMessage] in logs.
type messageJSON struct {
	Time   time.Time `json:"time"`
	Status Status    `json:"status"`
	Vote   *Vote     `json:"vote"`
	Term   uint64    `json:"term"`
	Error  *string   `json:"error"`
}

// MarshalJSON writes {"time","status","vote","term","error"}; vote and error are null when absent.
func (m ElectionMessage) MarshalJSON() ([]byte, error) {
	out := messageJSON{Time: m.Time, Status: m.Status, Vote: m.Vote, Term: m.Term}
	if m.Err != nil {
		text := m.Err.Error()
		out.Error = &text
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what [ElectionMessage.MarshalJSON] wrote. Of an error only its text survives.
func (m *ElectionMessage) UnmarshalJSON(data []byte) error {
	var in messageJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*m = ElectionMessage{Status: in.Status, Vote: in.Vote, Term: in.Term, Time: in.Time}
	if in.Error != nil {
		m.Err = errors.New(*in.Error)
	}
	return nil
}
