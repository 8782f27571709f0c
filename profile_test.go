package leadership

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"
)

func TestCandidatesAreReadAsTheyWerePublished(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		is       Candidate
		text     string
	}{
		{"who says nothing", Candidate{ServiceID: "a"}, `{"serviceId":"a"}`},
		{
			"who says all",
			Candidate{ServiceID: "a", Profile: Profile{Version: "1.4.2", Priority: -3, Metadata: map[string]string{"zone": "a", "": "<&>"}}},
			`{"serviceId":"a","version":"1.4.2","priority":-3,"metadata":{"":"\u003c\u0026\u003e","zone":"a"}}`,
		},
	} {
		tt.is.Session = "s1"
		if text := tt.is.Encode(); string(text) != tt.text {
			t.Errorf("%s: %s", tt.sentence, text)
		}
		got, err := ParseCandidate("s1", []byte(tt.text))
		if err != nil || !got.Equal(tt.is) {
			t.Errorf("%s: read as %+v, %v", tt.sentence, got, err)
		}
	}
	if err := quick.Check(func(id, version string, priority int, metadata map[string]string) bool {
		c := Candidate{"s", strings.ToValidUTF8(id, "?"), Profile{strings.ToValidUTF8(version, "?"), priority, make(map[string]string)}}
		for name, value := range metadata {
			c.Metadata[strings.ToValidUTF8(name, "?")] = strings.ToValidUTF8(value, "?")
		}
		got, err := ParseCandidate("s", c.Encode())
		return err == nil && got.Equal(c)
	}, nil); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoCandidateIsRefused(t *testing.T) {
	for sentence, text := range map[string]string{
		"nothing":               "",
		"null in place of text": `{"serviceId":7}`,
		"a list":                `[]`,
		"half":                  `{"serviceId":"a"`,
		"two":                   `{"serviceId":"a"}{}`,
		"a priority of a half":  `{"priority":0.5}`,
		"metadata of numbers":   `{"metadata":{"a":1}}`,
		"what is not UTF-8":     "{\"serviceId\":\"\xff\"}",
		"what is too long":      `{"serviceId":"` + strings.Repeat("x", maxCandidateSize) + `"}`,
	} {
		if got, err := ParseCandidate("s", []byte(text)); !errors.Is(err, errMalformedCandidate) || !got.Equal(Candidate{}) {
			t.Errorf("%s: read as %+v, %v", sentence, got, err)
		}
	}
	for _, text := range []string{`{}`, `{"serviceId":"a","later":[1]}`, `{"serviceId":null,"metadata":null}`} {
		if _, err := ParseCandidate("s", []byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestProfilesAreBounded(t *testing.T) {
	metadata := func(n int) Config {
		return Config{Profile: Profile{Metadata: map[string]string{"a": strings.Repeat("x", n)}}}
	}
	room := maxProfileSize - len(Candidate{Profile: Profile{Metadata: map[string]string{"a": ""}}}.Encode())
	if err := metadata(room).Validate(); err != nil {
		t.Error("the largest that fits:", err)
	}
	for sentence, cfg := range map[string]Config{
		"a profile of one byte more":              metadata(room + 1),
		"one that is too large by its escapes":    {Profile: Profile{Version: strings.Repeat("<", maxProfileSize/6)}},
		"a version that is not UTF-8":             {Profile: Profile{Version: "\xff"}},
		"a name of metadata that is not UTF-8":    {Profile: Profile{Metadata: map[string]string{"\xff": ""}}},
		"a value of metadata that is not UTF-8":   {Profile: Profile{Metadata: map[string]string{"a": "\xff"}}},
		"a service id with the largest vote, too": {ServiceID: strings.Repeat("x", 65413), Profile: metadata(room + 1).Profile},
	} {
		if invalid, ok := errors.AsType[*ConfigError](cfg.Validate()); !ok || invalid.Field != "profile" {
			t.Errorf("%s: %v", sentence, cfg.Validate())
		}
	}
	largest := metadata(room)
	largest.ServiceID = strings.Repeat("x", 65413)
	if err := largest.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, err := ParseCandidate("s", largest.Candidate().Encode()); err != nil || got.ServiceID != largest.ServiceID {
		t.Error("the largest candidate can't be read:", err)
	}
}

func TestTheSettingsOfAMemberAreItsOwn(t *testing.T) {
	given := map[string]string{"zone": "a"}
	cfg := Config{Profile: Profile{Metadata: given}}.withDefaults()
	given["zone"] = "b"
	if got := cfg.Candidate().Metadata["zone"]; got != "a" {
		t.Error(got)
	}
}

// FuzzParseCandidate: whatever a store holds, what is read is bounded UTF-8, and is read the same when it is published again.
func FuzzParseCandidate(f *testing.F) {
	f.Add(Candidate{ServiceID: "web-1", Profile: Profile{"v1.2.3-rc.1+b", -7, map[string]string{"zone": "a", "": "\u2028"}}}.Encode())
	f.Add([]byte(`{"serviceId":null,"SERVICEID":"a","version":"1","version":"2","priority":1e2,"metadata":{"a":"b","a":null},"x":{}}`))
	f.Add([]byte(`{"serviceId":"\ud800","metadata":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCandidate("s", data)
		if err != nil {
			if !errors.Is(err, errMalformedCandidate) || !c.Equal(Candidate{}) {
				t.Fatalf("%+v with error %v", c, err)
			}
			return
		}
		if len(data) > maxCandidateSize || !utf8.ValidString(c.ServiceID+c.Version) {
			t.Fatalf("accepted %q", data)
		}
		again, err := ParseCandidate("s", c.Encode())
		if len(c.Encode()) <= maxCandidateSize && (err != nil || !again.Equal(c) || !bytes.Equal(again.Encode(), c.Encode())) {
			t.Fatalf("%q is read as %+v, and as %+v when published again: %v", data, c, again, err)
		}
		ByVersion("", c, again)
		ByChance("", c, again)
	})
}
