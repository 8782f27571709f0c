package leadership

import (
	"strings"
	"testing"
)

func TestHeirs(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		line     string // session:instance, the own session is 1 of a
		heirs    string // sessions
		foreign  string
	}{
		{"all who wait, in their order", "1:a 3:c 2:b", "3 2", ""},
		{"nobody, where nobody waits", "1:a", "", ""},
		{"also before the own session, where the store lists it elsewhere", "2:b 1:a 3:c", "2 3", ""},
		{"of several sessions of one instance the last", "1:a 2:b 3:c 4:b", "3 4", ""},
		{"none of the own instance, whether it came before or later", "2:a 1:a 3:a 4:b", "4", ""},
		{"nobody behind somebody else's client", "1:a 2:b 3: 4:c 5:", "2", "3"},
		{"nor an instance whose last session stands behind it", "1:a 2:b 3: 4:b", "", "3"},
	} {
		var line []Candidate
		for place := range strings.FieldsSeq(tt.line) {
			session, id, _ := strings.Cut(place, ":")
			line = append(line, Candidate{Session: session, ServiceID: id})
		}
		list, foreign := heirs(line, "1", "a")
		var sessions []string
		for _, c := range list {
			sessions = append(sessions, c.Session)
		}
		if strings.Join(sessions, " ") != tt.heirs || foreign != tt.foreign {
			t.Errorf("%s: %q, and %q is foreign", tt.sentence, sessions, foreign)
		}
	}
}
