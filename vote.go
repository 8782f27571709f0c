package leadership

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Vote names a candidate. It is the value that a leader writes beside its key,
// so that everyone can read who leads. Its three JSON fields are exactly those
// of the Java library leadership-consul, which refuses any other.
type Vote struct {
	// SessionID is the store session that holds the key: a Consul session id, or an etcd lease id in hex.
	// A vote without one is left behind by a leader that resigned.
	SessionID string `json:"sessionId"`
	// ServiceName is the service that elects one leader.
	ServiceName string `json:"serviceName"`
	// ServiceID is the instance of the service.
	ServiceID string `json:"serviceId"`
}

// String is the vote as the Java library prints it.
func (v Vote) String() string {
	return fmt.Sprintf("Vote{sessionId='%s', serviceName='%s', serviceId='%s'}", v.SessionID, v.ServiceName, v.ServiceID)
}

// Encode returns the vote as it stands in the store.
func (v Vote) Encode() []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // three strings always marshal
	}
	return data
}

// ParseVote reads a vote from the store. Fields it does not know are left
// alone. Anything but a JSON object in UTF-8 with the three fields as strings is
// an [ErrMalformedVote].
func ParseVote(data []byte) (Vote, error) {
	if len(data) == 0 {
		return Vote{}, fmt.Errorf("%w: empty value", ErrMalformedVote)
	}
	if !utf8.Valid(data) {
		return Vote{}, fmt.Errorf("%w: not UTF-8", ErrMalformedVote)
	}
	var fields struct {
		SessionID   *string `json:"sessionId"`
		ServiceName *string `json:"serviceName"`
		ServiceID   *string `json:"serviceId"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(data), &fields); err != nil {
		return Vote{}, fmt.Errorf("%w: %w", ErrMalformedVote, err)
	}
	for _, f := range []struct {
		name  string
		value *string
	}{{"sessionId", fields.SessionID}, {"serviceName", fields.ServiceName}, {"serviceId", fields.ServiceID}} {
		if f.value == nil {
			return Vote{}, fmt.Errorf("%w: no field %s", ErrMalformedVote, f.name)
		}
	}
	return Vote{SessionID: *fields.SessionID, ServiceName: *fields.ServiceName, ServiceID: *fields.ServiceID}, nil
}
