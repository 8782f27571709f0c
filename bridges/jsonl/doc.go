// Package jsonl writes a stream as JSON lines and reads it back: one JSON document a line, as tools such as jq, log shippers and
// databases take them.
//
//	err := jsonl.Write(ctx, os.Stdout, member.AsObservable())
//
// writes
//
//	{"time":"2026-01-02T03:04:05Z","status":"elected.first","vote":{"sessionId":"e11b6ace",…},"term":42,"error":null}
//
// until the member is closed or ctx ends, and
//
//	messages := jsonl.Read[leadership.ElectionMessage](file)
//
// makes a stream of it again: the same messages, of whose errors the text is left.
//
// # What is promised
//
//   - A value is one line, in one call of the writer's Write. So lines of several streams stay whole in one file that was opened to append,
//     or behind one writer that is safe for concurrent use.
//   - Nothing is left out. A value that can't be encoded, or written as a whole, ends [Write] with an error that says which. A line that
//     can't be read ends [Read] with an error that has its number.
//   - Memory is bounded: a line by [MaxLine], on the way in.
//
// # What is not
//
// A call of the writer's Write that blocks can't be broken off, nor can one of a reader's Read unless it knows deadlines: [Write] and [Read]
// say what to do about it. [Write] does not flush or sync: where w buffers, or the machine may stop, that is for the caller to do.
package jsonl
