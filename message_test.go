package leadership_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/leadership-go/leadership"
)

// voteOfNode1 is the vote that most messages here carry.
func voteOfNode1() *leadership.Vote {
	return &leadership.Vote{SessionID: "e11b6ace", ServiceName: "cluster-app", ServiceID: "node-1"}
}

func TestMessagePrintsAsInJava(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		message  leadership.ElectionMessage
		want     string
	}{
		{
			"elected",
			leadership.ElectionMessage{Status: leadership.StatusElected, Vote: voteOfNode1()},
			"ElectionMessage(status=elected, vote=Vote{sessionId='e11b6ace', serviceName='cluster-app', serviceId='node-1'}, error=null)",
		},
		{
			"elected.first, with what Java does not print",
			leadership.ElectionMessage{Status: leadership.StatusElectedFirst, Vote: voteOfNode1(), Term: 7, Time: time.Unix(1, 0)},
			"ElectionMessage(status=elected.first, vote=Vote{sessionId='e11b6ace', serviceName='cluster-app', serviceId='node-1'}, error=null)",
		},
		{
			"notelected while nobody is known to lead",
			leadership.ElectionMessage{Status: leadership.StatusNotElected},
			"ElectionMessage(status=notelected, vote=null, error=null)",
		},
		{
			"relegation with its reason",
			leadership.ElectionMessage{Status: leadership.StatusRelegation, Vote: voteOfNode1(), Err: leadership.ErrLeaseExpired},
			"ElectionMessage(status=relegation, vote=Vote{sessionId='e11b6ace', serviceName='cluster-app', serviceId='node-1'}, error=leadership: lease expired)",
		},
		{
			"error without a vote",
			leadership.ElectionMessage{Status: leadership.StatusError, Err: errors.New("connection refused")},
			"ElectionMessage(status=error, vote=null, error=connection refused)",
		},
		{"the zero message", leadership.ElectionMessage{}, "ElectionMessage(status=, vote=null, error=null)"},
		{
			"percent signs are text",
			leadership.ElectionMessage{Status: "%s", Vote: &leadership.Vote{ServiceID: "%d"}, Err: errors.New("100%!")},
			"ElectionMessage(status=%s, vote=Vote{sessionId='', serviceName='', serviceId='%d'}, error=100%!)",
		},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			if got := tt.message.String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if got := fmt.Sprint(tt.message); got != tt.want {
				t.Errorf("fmt prints %s", got)
			}
		})
	}
}

func TestMessageAsJSON(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for _, tt := range []struct {
		sentence string
		message  leadership.ElectionMessage
		want     string
	}{
		{
			"with everything",
			leadership.ElectionMessage{Status: leadership.StatusRelegation, Vote: voteOfNode1(), Err: leadership.ErrKeyLost, Term: 1<<64 - 1, Time: at},
			`{"time":"2026-01-02T03:04:05.000000006Z","status":"relegation",` +
				`"vote":{"sessionId":"e11b6ace","serviceName":"cluster-app","serviceId":"node-1"},` +
				`"term":18446744073709551615,"error":"leadership: key lost"}`,
		},
		{
			"null for what is not there",
			leadership.ElectionMessage{Status: leadership.StatusNotElected, Time: at},
			`{"time":"2026-01-02T03:04:05.000000006Z","status":"notelected","vote":null,"term":0,"error":null}`,
		},
		{
			"an error without a text is not null",
			leadership.ElectionMessage{Status: leadership.StatusError, Err: errors.New(""), Time: at},
			`{"time":"2026-01-02T03:04:05.000000006Z","status":"error","vote":null,"term":0,"error":""}`,
		},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			data, err := json.Marshal(tt.message)
			if err != nil || string(data) != tt.want {
				t.Fatalf("got  %s, %v\nwant %s", data, err, tt.want)
			}
			back := leadership.ElectionMessage{Status: "old", Vote: &leadership.Vote{}, Err: errors.New("old"), Term: 1}
			if err := json.Unmarshal(data, &back); err != nil {
				t.Fatal(err)
			}
			if (back.Err == nil) != (tt.message.Err == nil) || back.Err != nil && back.Err.Error() != tt.message.Err.Error() {
				t.Errorf("error read back as %v", back.Err)
			}
			back.Err = tt.message.Err // only its text survives
			if !reflect.DeepEqual(back, tt.message) {
				t.Errorf("read back as %+v", back)
			}
		})
	}
}

func TestMessageRefusesOtherJSON(t *testing.T) {
	for _, data := range []string{"", "[]", `"elected"`, `{"status":1}`, `{"term":-1}`, `{"term":18446744073709551616}`, `{"vote":"x"}`, `{"time":"noon"}`} {
		message := leadership.ElectionMessage{Status: "old"}
		if err := json.Unmarshal([]byte(data), &message); err == nil || message.Status != "old" {
			t.Errorf("%s was read as %+v, error %v", data, message, err)
		}
	}
}

// FuzzMessageJSON: what is read can be written, and reads the same again.
func FuzzMessageJSON(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","status":"elected","vote":null,"term":1,"error":null}`))
	f.Add([]byte(`{"vote":{"sessionId":"s","serviceName":"n","serviceId":"i"},"error":"<>&"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var message leadership.ElectionMessage
		if json.Unmarshal(data, &message) != nil {
			return
		}
		first, err := json.Marshal(message)
		if err != nil {
			t.Fatalf("%+v: %v", message, err)
		}
		var back leadership.ElectionMessage
		if err := json.Unmarshal(first, &back); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second, err := json.Marshal(back); err != nil || string(first) != string(second) {
			t.Errorf("%s became %s, %v", first, second, err)
		}
	})
}
