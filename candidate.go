package leadership

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"unicode/utf8"
)

// Profile is what a candidate says of itself beside its candidacy: strategies go by it, and who observes the election may. The vote
// never carries it.
type Profile struct {
	// Version is what runs here: "1.4.2", as [ByVersion] reads it. Default "".
	Version string `json:"version,omitempty" mapstructure:"version"`
	// Priority is how much this instance is to lead, as [ByPriority] compares it: the highest does. Default 0; it may be negative.
	Priority int `json:"priority,omitempty" mapstructure:"priority"`
	// Metadata is for the users' own. As JSON the whole profile takes 8 KiB at most. Default none.
	Metadata map[string]string `json:"metadata,omitempty" mapstructure:"metadata"`
}

const (
	// maxProfileSize bounds an encoded profile.
	maxProfileSize = 8 << 10
	// maxCandidateSize bounds an encoded candidate, which has a service id as well.
	maxCandidateSize = maxVoteSize + maxProfileSize
)

// Candidate is who stands for a key.
type Candidate struct {
	// Session is the id of the session that it stands with.
	Session string `json:"session"`
	// ServiceID is the instance that it belongs to, "" where that is not known: somebody else's client may stand in a line, too.
	ServiceID string `json:"serviceId"`
	// Profile is what it says of itself; the zero Profile where it says nothing, or not yet.
	Profile
}

// Equal reports whether c and other are the same in all fields.
func (c Candidate) Equal(other Candidate) bool {
	return c.Session == other.Session && c.ServiceID == other.ServiceID && c.Version == other.Version && c.Priority == other.Priority &&
		maps.Equal(c.Metadata, other.Metadata)
}

// Candidate is what the settings have a member publish, without its session.
func (c Config) Candidate() Candidate { return Candidate{ServiceID: c.ServiceID, Profile: c.Profile} }

// published is a candidate as it stands at a store, where the key names the session.
type published struct {
	ServiceID string `json:"serviceId"`
	Profile
}

// Encode returns the candidate as it is published at a store: JSON of serviceId, version, priority and metadata. The session is not part of it.
func (c Candidate) Encode() []byte {
	out, err := json.Marshal(published{c.ServiceID, c.Profile})
	if err != nil { // there is nothing in it that can't be written
		panic(err)
	}
	return out
}

// errMalformedCandidate: what is published is no candidate.
var errMalformedCandidate = errors.New("leadership: malformed candidate")

// ParseCandidate reads what a candidate of that session published. Fields that it does not know are left alone.
func ParseCandidate(session string, data []byte) (Candidate, error) {
	if len(data) > maxCandidateSize || !utf8.Valid(data) {
		return Candidate{}, fmt.Errorf("%w: more than %d bytes, or not UTF-8", errMalformedCandidate, maxCandidateSize)
	}
	var p published
	if err := json.Unmarshal(data, &p); err != nil {
		return Candidate{}, fmt.Errorf("%w: %w", errMalformedCandidate, err)
	}
	return Candidate{session, p.ServiceID, p.Profile}, nil
}
