package jsonl_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/bridges/jsonl"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/memory"
)

// A member's first messages on standard output, without the parts that differ each time.
func ExampleWrite() {
	ctx := context.Background()
	member, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceName: "app", ServiceID: "node-1"}).Build(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = member.Close() }()

	type line struct {
		Status leadership.Status `json:"status"`
		Leader string            `json:"leader"`
	}
	lines := operators.Map(member.AsObservable(), func(m leadership.ElectionMessage) line { return line{m.Status, m.Vote.ServiceID} })
	if err := jsonl.Write(ctx, os.Stdout, operators.Take(lines, 2)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"status":"elected","leader":"node-1"}
	// {"status":"elected.first","leader":"node-1"}
}

// What was logged becomes a stream again, for the operators that there are for one.
func ExampleRead() {
	logged := strings.NewReader(`
{"time":"2026-01-02T03:04:05Z","status":"elected","vote":{"sessionId":"s1","serviceName":"app","serviceId":"node-1"},"term":7,"error":null}
{"time":"2026-01-02T03:04:05Z","status":"elected.first","vote":{"sessionId":"s1","serviceName":"app","serviceId":"node-1"},"term":7,"error":null}
{"time":"2026-01-02T03:09:41Z","status":"relegation","vote":null,"term":7,"error":"leadership: lease expired"}
`)
	edges := operators.Edges(jsonl.Read[leadership.ElectionMessage](logged))
	err := edges.ForEach(context.Background(), func(m leadership.ElectionMessage) { fmt.Println(m.Term, m.Status, m.Err) })
	fmt.Println(err)
	// Output:
	// 7 elected.first <nil>
	// 7 relegation leadership: lease expired
	// <nil>
}

// The error of a line says which one it is.
func ExampleRead_malformed() {
	err := jsonl.Read[int](strings.NewReader("1\n2\nthree\n")).ForEach(context.Background(), func(v int) { fmt.Println(v) })
	fmt.Println(err)
	// Output:
	// 1
	// 2
	// jsonl: line 3: invalid character 'h' in literal true (expecting 'r')
}
