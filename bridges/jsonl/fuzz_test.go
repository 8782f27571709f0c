package jsonl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/bridges/jsonl"
)

// pieces gives at most size bytes at a time.
type pieces struct {
	data []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	n := min(p.size, len(b), len(p.data))
	copy(b, p.data[:n])
	p.data = p.data[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func collect(r io.Reader) (values []any, err error) {
	err = jsonl.Read[any](r).ForEach(context.Background(), func(v any) { values = append(values, v) })
	return values, err
}

// FuzzRead: reading gives what a simple split gives, up to the first line that is no JSON, however the bytes come; and what was read can be
// written and reads the same again.
func FuzzRead(f *testing.F) {
	f.Add([]byte("1\n[2,{\"a\":null}]\r\n\n\"x\""), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		var want []any
		bad := 0
		for i, line := range strings.Split(string(data), "\n") {
			if strings.Trim(line, " \t\r") == "" {
				continue
			}
			var v any
			if json.Unmarshal([]byte(line), &v) != nil {
				bad = i + 1
				break
			}
			want = append(want, v)
		}

		got, err := collect(&pieces{data, int(size) + 1})
		if !reflect.DeepEqual(got, want) || (err != nil) != (bad > 0) {
			t.Fatalf("read %#v, %v; want %#v, and line %d to be bad", got, err, want, bad)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "jsonl: line "+strconv.Itoa(bad)+": ") {
			t.Fatalf("line %d is bad: %v", bad, err)
		}

		var lines bytes.Buffer
		if err := jsonl.Write(context.Background(), &lines, leadership.FromSlice(got)); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(lines.String(), "\n"); n != len(got) {
			t.Fatalf("%d values are %d lines", len(got), n)
		}
		back, err := collect(&lines)
		if err != nil && !errors.Is(err, jsonl.ErrLineTooLong) || err == nil && !reflect.DeepEqual(back, got) {
			t.Fatalf("%#v reads back as %#v, %v", got, back, err)
		}
	})
}
