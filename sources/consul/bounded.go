package consul

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"

	"github.com/hashicorp/consul/api"
)

const (
	// maxHeader bounds the header of an answer.
	maxHeader = 256 << 10
	// maxAnswer bounds the body of an answer: half as much again as the largest value that Consul's KV store takes by default, in base64.
	maxAnswer = 1 << 20
	// maxParts bounds the values and objects in an answer, which may have dozens: four bytes of text can become a hundred in memory.
	maxParts = 10_000
	// maxList and maxListParts are the bounds of a list of keys: 10,000 candidates have room.
	maxList      = 8 << 20
	maxListParts = 100_000
	// maxLiteral bounds a number, which an error would quote.
	maxLiteral = 100
	// maxConflict bounds the body of a transaction's rollback, which may quote keys, and may end up in an error's text, too.
	maxConflict = 8 << 10
	// maxComplaint bounds what is kept of the body of a refusal, which ends up in an error's text.
	maxComplaint = 2 << 10
)

// excess says by what an answer is longer than it may be.
type excess string

func (e excess) Error() string { return string(e) }

// bounded is a transport whose answers have a bounded size, and whose refusals don't repeat what the request was allowed by.
type bounded struct{ *http.Transport }

func (t bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		size, parts := int64(maxAnswer), maxParts
		if q := req.URL.Query(); q.Has("recurse") || q.Has("keys") {
			size, parts = maxList, maxListParts
		}
		resp.Body = &boundedBody{LimitedReader: &io.LimitedReader{R: resp.Body, N: size}, Closer: resp.Body, most: size, mostParts: parts}
	case http.StatusConflict: // a transaction that was rolled back answers with it
		resp.Body = complaint(req, resp.Body, maxConflict)
	default:
		resp.Body = complaint(req, resp.Body, maxComplaint)
	}
	return resp, nil
}

// boundedBody is a JSON text that ends early with an error.
type boundedBody struct {
	*io.LimitedReader
	io.Closer
	most            int64
	mostParts       int
	parts           int
	literal         int // the length so far of what may be a number
	quoted, escaped bool
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.N <= 0 {
		return 0, excess(fmt.Sprintf("more than %d bytes", b.most))
	}
	n, err := b.LimitedReader.Read(p)
	for _, c := range p[:n] {
		b.literal++
		if b.quoted || strings.IndexByte(" \t\r\n,:[]{}\"", c) >= 0 {
			b.literal = 0
		} else if b.literal > maxLiteral {
			return 0, fmt.Errorf("a number of more than %d characters", maxLiteral)
		}
		switch {
		case b.escaped:
			b.escaped = false
		case c == '"':
			b.quoted = !b.quoted
		case b.quoted:
			b.escaped = c == '\\'
		case c == ',' || c == '[' || c == '{':
			b.parts++
		}
	}
	if b.parts > b.mostParts {
		return 0, excess(fmt.Sprintf("more than %d values", b.mostParts))
	}
	return n, err
}

// leastSecret is how short a secret may be to be looked for: shorter ones are in every text.
const leastSecret = 4

// complaint is the beginning of a refusal. It becomes the text of an error, which is told and logged; a proxy that answers with the request's
// header, as pages for debugging do, must not bring the token there. What can't be read is left out.
func complaint(req *http.Request, body io.ReadCloser, limit int64) io.ReadCloser {
	text, _ := io.ReadAll(io.LimitReader(body, limit))
	_, password, _ := req.BasicAuth()
	_, encoded, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	cut := int64(len(text)) == limit
	if judge(api.StatusError{Body: string(text)}, math.MaxInt) != verdictUnknown { // Consul's own words, which a short password must not change
		limit = 0
	}
	for _, secret := range []string{req.Header.Get("X-Consul-Token"), password, encoded} {
		if len(secret) < leastSecret || limit == 0 {
			continue
		}
		text = bytes.ReplaceAll(text, []byte(secret), []byte("…"))
		for n := min(len(secret)-1, len(text)); cut && n > 0; n-- {
			if rest, found := bytes.CutSuffix(text, []byte(secret[:n])); found { // what the limit left of one
				text = append(rest, "…"...)
				break
			}
		}
	}
	return struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(text), body}
}
