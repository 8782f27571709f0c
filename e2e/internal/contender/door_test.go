package contender

import (
	"net"
	"testing"
)

func TestDoorOpensAtThePortThatItHad(t *testing.T) {
	d := &door{addr: "127.0.0.1:0"}
	if err := d.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers := func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", d.addr)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	}
	addr := d.addr
	for range 2 {
		if err := d.Open(t.Context()); err != nil || !answers() || d.addr != addr { // open already
			t.Fatalf("open at %s: %v; answers %v", d.addr, err, answers())
		}
		for range 2 {
			if err := d.Shut(); err != nil || answers() {
				t.Fatalf("shut: %v; answers %v", err, answers())
			}
		}
		if err := d.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	other := &door{addr: addr}
	if err := other.Open(t.Context()); err == nil {
		t.Error("two doors have one port")
	}
	if err := d.Shut(); err != nil {
		t.Error(err)
	}
}

func TestShowDoorWithoutASessionCheck(t *testing.T) {
	if err := (member{}).ShowDoor(t.Context(), true); err == nil {
		t.Error("it has one")
	}
}
