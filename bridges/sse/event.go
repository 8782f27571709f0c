package sse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/leadership-go/leadership"
)

// The types of the events that are the handler's own.
const (
	typeGap     = "gap"
	typeInvalid = "invalid"
	typeEnd     = "end"
)

// The reasons for which an event is invalid, besides the errors of [Options].Encode.
var (
	errData     = errors.New("data is not UTF-8")
	errName     = errors.New("type is not UTF-8, or holds a line break")
	errReserved = errors.New("type is one of the handler's own")
)

// event is one event of a stream, as it is sent.
type event struct {
	number uint64 // from 1
	block  []byte
}

// newEvent makes an event of a type, "" for none.
func newEvent(epoch string, number uint64, name string, data []byte) event {
	block := make([]byte, 0, len(epoch)+len(name)+len(data)+64)
	block = appendID(block, epoch, number)
	if name != "" {
		block = append(append(append(block, "event: "...), name...), '\n')
	}
	return event{number, append(appendData(block, data), '\n')}
}

// appendID appends the field that has a client remember that it has got everything up to number.
func appendID(block []byte, epoch string, number uint64) []byte {
	return fmt.Appendf(block, "id: %s\n", formatID(epoch, number))
}

// appendData appends one field for each line of data. A line ends with LF, CR or CRLF; what is behind the last end is a line, too.
func appendData(block, data []byte) []byte {
	for {
		end := bytes.IndexAny(data, "\r\n")
		if end < 0 {
			return append(append(append(block, "data: "...), data...), '\n')
		}
		block = append(append(append(block, "data: "...), data[:end]...), '\n')
		if bytes.HasPrefix(data[end:], []byte("\r\n")) {
			end++
		}
		data = data[end+1:]
	}
}

// check is what makes an event with that type and data invalid, or nil.
func check(name string, data []byte) error {
	switch {
	case strings.ContainsAny(name, "\r\n") || !utf8.ValidString(name):
		return fmt.Errorf("%w: %.100q", errName, name)
	case name == typeGap || name == typeInvalid || name == typeEnd:
		return fmt.Errorf("%w: %s", errReserved, name)
	case !utf8.Valid(data):
		return errData
	}
	return nil
}

// gapData is the data of a gap event; nil: nobody knows how many events are missing.
func gapData(missed *uint64) []byte {
	return encoded(struct {
		Missed *uint64 `json:"missed"`
	}{missed})
}

// errorData is the data of an event that tells an error, or null. Of a panic the stack stays here.
func errorData(err error) []byte {
	var text *string
	if err != nil {
		said := fmt.Sprint(err) // unlike err.Error, it survives an error that is a nil pointer
		if p := (*leadership.PanicError)(nil); errors.As(err, &p) {
			said = fmt.Sprintf("leadership: panic in a callback: %v", p.Value)
		}
		text = &said
	}
	return encoded(struct {
		Error *string `json:"error"`
	}{text})
}

func encoded(v any) []byte {
	data, _ := json.Marshal(v) // of numbers and text there is always one
	return data
}
