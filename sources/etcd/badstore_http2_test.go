package etcd

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The frames of HTTP/2 that are written here, by hand.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameSettings     = 0x4
	frameGoAway       = 0x7
	frameContinuation = 0x9

	endHeaders = 0x4
)

// frame is one frame.
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	out := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(out, stream), payload...)
}

// okHeaders begins a good answer: ":status: 200" and "content-type: application/grpc".
func okHeaders() []byte { return append([]byte{0x88, 0x0f, 0x10, 16}, "application/grpc"...) }

func reset(stream, code uint32) []byte {
	return frame(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
}

func goAway(code uint32, why string) []byte {
	return frame(frameGoAway, 0, 0, append(binary.BigEndian.AppendUint32(make([]byte, 4), code), why...))
}

// roundTrip is how long an answer is on its way. gRPC connects anew at once where a connection ends after its greeting.
const roundTrip = 50 * time.Millisecond

// http2 is a server that greets, and answers the header of each call with what calls returns, until that returns nothing.
func http2(calls func(stream uint32) []byte) way {
	return func(c net.Conn) {
		defer c.Close() //nolint:errcheck // a bad server's
		if _, err := io.CopyN(io.Discard, c, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
			return
		}
		if _, err := c.Write(frame(frameSettings, 0, 0, nil)); err != nil {
			return
		}
		for head := make([]byte, 9); ; {
			if _, err := io.ReadFull(c, head); err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, c, int64(head[0])<<16|int64(head[1])<<8|int64(head[2])); err != nil {
				return
			}
			if head[3] != frameHeaders {
				continue
			}
			answer := calls(binary.BigEndian.Uint32(head[5:]))
			if len(answer) == 0 {
				return
			}
			time.Sleep(roundTrip)
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	}
}

// blurts writes text, whatever it hears, and ends the connection.
func blurts(text string) way {
	return func(c net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, c) }()
		_, _ = io.WriteString(c, text)
		time.Sleep(roundTrip)
		_ = c.Close()
	}
}

// trickle writes a byte each second.
func trickle(c net.Conn, text []byte) {
	go func() { _, _ = io.Copy(io.Discard, c) }()
	for _, b := range text {
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func TestMembersAtServersThatAreNoStores(t *testing.T) {
	for _, c := range []struct {
		sentence string
		way      way
		text     string
	}{
		{"garbage", blurts(strings.Repeat("\xde\xad\xbe\xef", 1000)), "error reading server preface"},
		{"another protocol", blurts("SSH-2.0-OpenSSH_9.9\r\n"), "error reading server preface"},
		{"HTTP/1.1", blurts("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), "looked like an HTTP/1.1 header"},
		{"the end of each connection", func(c net.Conn) { _ = c.Close() }, "deadline exceeded"},
		{"no greeting", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "deadline exceeded"},
		{"a greeting of which a byte comes each second", func(c net.Conn) { trickle(c, bytes.Repeat([]byte{0}, 600)) }, "deadline exceeded"},
		{"calls that are never answered", http2(func(uint32) []byte { return frame(frameSettings, 1, 0, nil) }), "deadline exceeded"},
		{"answers of which a byte comes each second", func(c net.Conn) {
			_, _ = c.Write(frame(frameSettings, 0, 0, nil))
			trickle(c, append(frame(frameHeaders, endHeaders, 1, okHeaders()), make([]byte, 600)...))
		}, "deadline exceeded"},
		{"refused streams", http2(func(stream uint32) []byte { return reset(stream, 7) }), "REFUSED_STREAM"},
		{"streams that are reset", http2(func(stream uint32) []byte { return reset(stream, 2) }), "INTERNAL_ERROR"},
		{"streams that are reset in a hundred frames each", http2(func(stream uint32) []byte { return bytes.Repeat(reset(stream, 11), 100) }), "ENHANCE_YOUR_CALM"},
		{"GOAWAY for each call", http2(func(uint32) []byte { return goAway(0, "") }), "deadline exceeded"},
		{"GOAWAY for bad behaviour", http2(func(uint32) []byte { return goAway(11, "too_many_pings") }), "deadline exceeded"},
		{"GOAWAY after the greeting", func(c net.Conn) {
			_, _ = c.Write(frame(frameSettings, 0, 0, nil))
			go func() {
				time.Sleep(roundTrip)
				_, _ = c.Write(bytes.Repeat(goAway(0, "later"), 100))
			}()
			_, _ = io.Copy(io.Discard, c)
		}, "deadline exceeded"},
		{"frames of 16 MiB", http2(func(uint32) []byte { return []byte{0xff, 0xff, 0xff, frameData, 0, 0, 0, 0, 1} }), "frame too large"},
		{"messages of which 1 GiB is declared", http2(func(stream uint32) []byte {
			return append(frame(frameHeaders, endHeaders, stream, okHeaders()),
				frame(frameData, 0, stream, append([]byte{0, 0x40, 0, 0, 0}, make([]byte, 10<<10)...))...)
		}), "received message larger than max (1073741824 vs. "},
		{"compressed messages", http2(func(stream uint32) []byte {
			return append(frame(frameHeaders, endHeaders, stream, okHeaders()), frame(frameData, 0, stream, []byte{1, 0, 0, 0, 1, 0})...)
		}), "compressed flag set"},
		{"headers without an end", func(c net.Conn) {
			endless := append([]byte{0x00, 0x01, 'a', 0x7f, 0x80, 0x10}, strings.Repeat("b", 127+2048)...) // a: bbb…
			http2(func(stream uint32) []byte {
				out := frame(frameHeaders, 0, stream, okHeaders())
				for range 1000 {
					out = append(out, frame(frameContinuation, 0, stream, endless)...)
				}
				return out
			})(c)
		}, "error"},
		{"a web page", http2(func(stream uint32) []byte {
			return frame(frameHeaders, endHeaders|1, stream, append([]byte{0x88, 0x0f, 0x10, 9}, "text/html"...))
		}), "unexpected HTTP status code received from server: 200 (OK)"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := over(t)
				misbehaves(t, n, func(bad bool) {
					if bad {
						n.take(c.way)
					} else {
						n.take(n.toServer)
					}
				}, c.text)
			})
		})
	}
}
