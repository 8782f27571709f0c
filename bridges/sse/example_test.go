package sse_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/bridges/sse"
	"github.com/leadership-go/leadership/operators"
	"github.com/leadership-go/leadership/sources/memory"
)

// Pages follow an election. The type of an event is the status, so that a page can listen for the ones it wants:
//
//	events.addEventListener("elected.first", (e) => show(JSON.parse(e.data)))
func ExampleNewHandler() {
	member, err := memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceName: "app", ServiceID: "node-1"}).
		Build(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = member.Close() }()

	handler, err := sse.NewHandler(operators.Edges(member.AsObservable()), sse.Options[leadership.ElectionMessage]{
		Event:  func(m leadership.ElectionMessage) string { return string(m.Status) },
		Encode: func(m leadership.ElectionMessage) ([]byte, error) { return []byte(m.Vote.ServiceID), nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = handler.Close() }() // before the member's, so that pages come back

	server := httptest.NewServer(handler)
	defer server.Close()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		fmt.Println(err)
		return
	}
	response, err := server.Client().Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	fmt.Println(response.Header.Get("Content-Type"))
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "id: ") { // ids begin with chance
			fmt.Println(line)
		}
		if strings.HasPrefix(lines.Text(), "data: ") {
			break
		}
	}
	// Output:
	// text/event-stream
	// event: elected.first
	// data: node-1
}

// A client that was cut off gets what it has not seen, because it says what it has.
func ExampleHandler() {
	handler, err := sse.NewHandler(leadership.Just("one", "two", "three"), sse.Options[string]{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = handler.Close() }()

	get := func(lastEventID string) (last string) {
		request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/events", http.NoBody)
		request.Header.Set("Last-Event-ID", lastEventID)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		fmt.Println(answer.Code)
		for line := range strings.Lines(answer.Body.String()) {
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				last = strings.TrimSpace(id)
			} else if line != "\n" {
				fmt.Print("  ", line)
			}
		}
		return last
	}
	last := get("")
	epoch, _, _ := strings.Cut(last, "-")
	get(epoch + "-1")
	get("5eed5eed5eed5eed-1") // an id that another process gave
	get(last)
	// Output:
	// 200
	//   data: "three"
	//   event: end
	//   data: {"error":null}
	// 200
	//   data: "two"
	//   data: "three"
	//   event: end
	//   data: {"error":null}
	// 200
	//   event: gap
	//   data: {"missed":null}
	//   data: "three"
	//   event: end
	//   data: {"error":null}
	// 204
}

// What breaks a rule is refused before anything is served.
func ExampleOptions() {
	_, err := sse.NewHandler(leadership.Just(1), sse.Options[int]{Keep: 10, Replay: 20})
	fmt.Println(err)
	fmt.Println(errors.Is(err, leadership.ErrInvalidConfig))
	// Output:
	// leadership: invalid config: sse.Options.Replay 20 must be at most sse.Options.Keep 10
	// true
}
