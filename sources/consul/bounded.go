package consul

import (
	"fmt"
	"io"
	"net/http"
)

const (
	// maxHeader bounds the header of an answer.
	maxHeader = 256 << 10
	// maxAnswer bounds the body of an answer: several times the largest value that Consul's KV store takes by default.
	maxAnswer = 4 << 20
	// maxComplaint bounds what is kept of the body of a refusal, which ends up in an error's text.
	maxComplaint = 2 << 10
)

// bounded is a transport whose answers have a bounded size.
type bounded struct{ *http.Transport }

func (t bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body := &boundedBody{Reader: &io.LimitedReader{R: resp.Body, N: maxComplaint}, Closer: resp.Body}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusConflict: // a transaction that was rolled back answers with a conflict
		body.Reader.N, body.strict = maxAnswer, true
	}
	resp.Body = body
	return resp, nil
}

// boundedBody ends early, with an error if it is strict.
type boundedBody struct {
	Reader *io.LimitedReader
	io.Closer
	strict bool
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.strict && b.Reader.N <= 0 {
		return 0, fmt.Errorf("answer of more than %d bytes", maxAnswer)
	}
	return b.Reader.Read(p)
}
