package leadership

import (
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

// Encode returns the vote as it stands in the store: compact JSON, byte for byte as Jackson writes it for the Java library. A byte
// that is not UTF-8, which no Java string can hold, becomes U+FFFD.
func (v Vote) Encode() []byte {
	out := append([]byte(nil), `{"sessionId":`...)
	out = appendJSONString(out, v.SessionID)
	out = append(out, `,"serviceName":`...)
	out = appendJSONString(out, v.ServiceName)
	out = append(out, `,"serviceId":`...)
	out = appendJSONString(out, v.ServiceID)
	return append(out, '}')
}

// appendJSONString appends s in quotes. encoding/json would write <, >, &, U+2028 and U+2029 as escapes, and hex digits in lower
// case, where Jackson does not.
func appendJSONString(out []byte, s string) []byte {
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\b':
			out = append(out, `\b`...)
		case r == '\t':
			out = append(out, `\t`...)
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\f':
			out = append(out, `\f`...)
		case r == '\r':
			out = append(out, `\r`...)
		case r < ' ':
			out = fmt.Appendf(out, `\u%04X`, r)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}

// ParseVote reads a vote from the store. Fields it does not know are left
// alone, names in another case among them; of a field given twice the last counts. Anything but a JSON object
// in UTF-8 with the three fields as strings is an [ErrMalformedVote].
func ParseVote(data []byte) (Vote, error) {
	if len(data) == 0 {
		return Vote{}, fmt.Errorf("%w: empty value", ErrMalformedVote)
	}
	if !utf8.Valid(data) {
		return Vote{}, fmt.Errorf("%w: not UTF-8", ErrMalformedVote)
	}
	// A map, because encoding/json matches the fields of a struct in any case.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return Vote{}, fmt.Errorf("%w: %w", ErrMalformedVote, err)
	}
	var vote Vote
	for _, f := range []struct {
		name string
		into *string
	}{{"sessionId", &vote.SessionID}, {"serviceName", &vote.ServiceName}, {"serviceId", &vote.ServiceID}} {
		raw, ok := fields[f.name]
		if !ok {
			return Vote{}, fmt.Errorf("%w: no field %s", ErrMalformedVote, f.name)
		}
		// null would leave the string as it is, without an error.
		if raw[0] != '"' {
			return Vote{}, fmt.Errorf("%w: field %s is no string", ErrMalformedVote, f.name)
		}
		if err := json.Unmarshal(raw, f.into); err != nil {
			return Vote{}, fmt.Errorf("%w: field %s: %w", ErrMalformedVote, f.name, err)
		}
	}
	return vote, nil
}
