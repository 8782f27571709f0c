package leadership_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leadership-go/leadership"
)

func TestVoteEncodesAsJacksonDoes(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		id       string
		want     string // of serviceId, in its quotes
	}{
		{"plain text", "node-1", `"node-1"`},
		{"an empty text", "", `""`},
		{"quotes and backslashes", `a"b\c`, `"a\"b\\c"`},
		{"a slash stays", "web-3/4711", `"web-3/4711"`},
		{"what is special in HTML stays", "<a>&'", `"<a>&'"`},
		{"control characters with a short form", "\b\t\n\f\r", `"\b\t\n\f\r"`},
		{"control characters without one, in capitals", "\x00\x0b\x1f", `"\u0000\u000B\u001F"`},
		{"DEL stays", "\x7f", "\"\x7f\""},
		{"line and paragraph separator stay", "\u2028\u2029", "\"\u2028\u2029\""},
		{"letters beyond ASCII and beyond 16 bits stay", "Zürich 選挙 🗳", `"Zürich 選挙 🗳"`},
		{"each byte that is not UTF-8 becomes U+FFFD", "a\xff\xc3(", "\"a\ufffd\ufffd(\""},
		{"what looks like an escape is text", `\u2028`, `"\\u2028"`},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			vote := leadership.Vote{SessionID: "s", ServiceName: "n", ServiceID: tt.id}
			got := string(vote.Encode())
			if want := `{"sessionId":"s","serviceName":"n","serviceId":` + tt.want + `}`; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if back, err := leadership.ParseVote([]byte(got)); utf8.ValidString(tt.id) && (err != nil || back != vote) {
				t.Errorf("read back: %+v, %v", back, err)
			}
		})
	}
}

func TestVotePrintsAsInJava(t *testing.T) {
	vote := leadership.Vote{SessionID: "e11b6ace-9dc7-4e51-ae34-6d4db8a9ba1b", ServiceName: "cluster-app", ServiceID: "node-1"}
	want := "Vote{sessionId='e11b6ace-9dc7-4e51-ae34-6d4db8a9ba1b', serviceName='cluster-app', serviceId='node-1'}"
	if got := vote.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParseVote(t *testing.T) {
	vote := leadership.Vote{SessionID: "s", ServiceName: "n", ServiceID: "i"}
	three := `"sessionId":"s","serviceName":"n","serviceId":"i"`
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	large := strings.Repeat("x", 1<<20)
	for _, tt := range []struct {
		sentence string
		data     string
		want     leadership.Vote
		err      string // after "leadership: malformed vote: "; "" for none
	}{
		{"the three fields", `{` + three + `}`, vote, ""},
		{"in another order", `{"serviceId":"i","serviceName":"n","sessionId":"s"}`, vote, ""},
		{"spaced out", " {\n\t\"sessionId\" : \"s\", \"serviceName\" : \"n\", \"serviceId\" : \"i\" }\r\n", vote, ""},
		{"bad input 3: unknown fields are left alone", `{"version":{"a":[1,null]},` + three + `,"x":null}`, vote, ""},
		{"a name in another case is an unknown field", `{` + three + `,"SESSIONID":"other","serviceid":7}`, vote, ""},
		{"of a field given twice the last counts", `{"serviceId":"first",` + three + `}`, vote, ""},
		{"the vote of a leader that resigned", `{"sessionId":"","serviceName":"n","serviceId":"i"}`, leadership.Vote{ServiceName: "n", ServiceID: "i"}, ""},
		{"escapes", `{"sessionId":"\u0073","serviceName":"\n","serviceId":"\ud83d\uddf3"}`, leadership.Vote{SessionID: "s", ServiceName: "\n", ServiceID: "🗳"}, ""},
		{"half a surrogate pair", `{"sessionId":"s","serviceName":"n","serviceId":"\ud83d"}`, leadership.Vote{SessionID: "s", ServiceName: "n", ServiceID: "\ufffd"}, ""},
		{"1 MiB in a field", `{"sessionId":"s","serviceName":"n","serviceId":"` + large + `"}`, leadership.Vote{SessionID: "s", ServiceName: "n", ServiceID: large}, ""},
		{"1 MiB in an unknown field", `{` + three + `,"x":"` + large + `"}`, vote, ""},
		{"an unknown field nested 9,999 deep", `{` + three + `,"x":` + deep(9_999) + `}`, vote, ""},
		{"an unknown field nested 100,000 deep", `{` + three + `,"x":` + deep(100_000) + `}`, leadership.Vote{}, "invalid character '[' exceeded max depth"},

		{"bad input 2: an empty value", "", leadership.Vote{}, "empty value"},
		{"spaces only", " \n", leadership.Vote{}, "unexpected end of JSON input"},
		{"bad input 1: not UTF-8", "{" + three + ",\"x\":\"\xff\"}", leadership.Vote{}, "not UTF-8"},
		{"UTF-16", "\xff\xfe{\x00}\x00", leadership.Vote{}, "not UTF-8"},
		{"a byte order mark", "\ufeff{" + three + "}", leadership.Vote{}, "invalid character 'ï' looking for beginning of value"},
		{"bad input 1: not JSON", "node-1", leadership.Vote{}, "invalid character 'o' in literal null (expecting 'u')"},
		{"cut off", `{"sessionId":"s"`, leadership.Vote{}, "unexpected end of JSON input"},
		{"trailing garbage", `{` + three + `}}`, leadership.Vote{}, "invalid character '}' after top-level value"},
		{"two votes", `{` + three + `}{` + three + `}`, leadership.Vote{}, "invalid character '{' after top-level value"},
		{"an array", `[` + `"s","n","i"` + `]`, leadership.Vote{}, "json: cannot unmarshal array into Go value of type"},
		{"a text", `"s"`, leadership.Vote{}, "json: cannot unmarshal string into Go value of type"},
		{"null", "null", leadership.Vote{}, "no field sessionId"},
		{"no fields", "{}", leadership.Vote{}, "no field sessionId"},
		{"no serviceName", `{"sessionId":"s","serviceId":"i"}`, leadership.Vote{}, "no field serviceName"},
		{"no serviceId", `{"sessionId":"s","serviceName":"n"}`, leadership.Vote{}, "no field serviceId"},
		{"only names in another case", `{"SessionId":"s","ServiceName":"n","ServiceId":"i"}`, leadership.Vote{}, "no field sessionId"},
		{"a field that is null", `{"sessionId":"s","serviceName":"n","serviceId":null}`, leadership.Vote{}, "field serviceId is no string"},
		{"a field that is a number", `{"sessionId":"s","serviceName":"n","serviceId":1}`, leadership.Vote{}, "field serviceId is no string"},
		{"a field that is an object", `{"sessionId":{},"serviceName":"n","serviceId":"i"}`, leadership.Vote{}, "field sessionId is no string"},
		{"a field given twice, at last as null", `{` + three + `,"serviceId":null}`, leadership.Vote{}, "field serviceId is no string"},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			got, err := leadership.ParseVote([]byte(tt.data))
			if got != tt.want {
				t.Errorf("got %+v", got)
			}
			if tt.err == "" {
				if err != nil {
					t.Errorf("error %v", err)
				}
				return
			}
			if !errors.Is(err, leadership.ErrMalformedVote) || !strings.HasPrefix(err.Error(), "leadership: malformed vote: "+tt.err) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestParseVoteKeepsTheCause(t *testing.T) {
	_, err := leadership.ParseVote([]byte("{"))
	if _, ok := errors.AsType[*json.SyntaxError](err); !ok {
		t.Errorf("%v", err)
	}
}

// FuzzParseVote: what is read can be written and read again, and encoding/json agrees with what is written.
func FuzzParseVote(f *testing.F) {
	files, err := filepath.Glob("testdata/votes/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		vote, err := leadership.ParseVote(data)
		if err != nil {
			if !errors.Is(err, leadership.ErrMalformedVote) || vote != (leadership.Vote{}) {
				t.Fatalf("%+v, %v", vote, err)
			}
			return
		}
		if back, err := leadership.ParseVote(vote.Encode()); err != nil || back != vote {
			t.Fatalf("%+v read back as %+v, %v", vote, back, err)
		}
	})
}

// FuzzVoteEncode: any three texts make a JSON object of exactly these three.
func FuzzVoteEncode(f *testing.F) {
	f.Add("e11b6ace", "cluster-app", "node-1")
	f.Add("\x00\u2028<>&\"\\", "\xff\xed\xa0\x80", `\u2028`)
	f.Fuzz(func(t *testing.T, sessionID, serviceName, serviceID string) {
		data := leadership.Vote{SessionID: sessionID, ServiceName: serviceName, ServiceID: serviceID}.Encode()
		var got map[string]string
		if err := json.Unmarshal(data, &got); err != nil || len(got) != 3 {
			t.Fatalf("%q: %v", data, err)
		}
		for field, want := range map[string]string{"sessionId": sessionID, "serviceName": serviceName, "serviceId": serviceID} {
			if got[field] != string([]rune(want)) {
				t.Errorf("%s: %q read back as %q", field, want, got[field])
			}
		}
	})
}
