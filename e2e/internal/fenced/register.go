package fenced

import (
	"context"
	"encoding/json"
	"fmt"
)

// Value is what a write leaves in the register. No two writes leave the same.
type Value struct {
	// Token is that of the term in which it was written.
	Token uint64 `json:"token"`
	// Seq numbers the writes of one writer, from 1.
	Seq uint64 `json:"seq"`
	// Writer is who wrote.
	Writer string `json:"writer"`
}

func (v Value) encode() string {
	text, err := json.Marshal(v)
	if err != nil { // no field can fail
		return err.Error()
	}
	return string(text)
}

// entryName is the name of the entry that a write of v leaves beside the register of that name.
func entryName(name string, v Value) string { return fmt.Sprintf("%s/%s/%d", name, v.Writer, v.Seq) }

func decode(text []byte) (v Value, err error) {
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("fenced: the register holds %q: %w", text, err)
	}
	return v, nil
}

// Grant is a term as its holder can prove it to the store.
type Grant struct {
	// Token is the term's.
	Token uint64
	// Session is the one that holds the key, as the vote says.
	Session string
}

// Guard says what the store is asked to check in the transaction of a write.
type Guard int

const (
	// Fence is the fence of the store's package. At Consul it asks who holds the key, and so can't tell two terms of one session apart; a member
	// has two only with a session that it was attached to.
	Fence Guard = iota
	// Index compares the ModifyIndex of Consul's key with the token. There is none for etcd, whose fence compares the token already.
	Index
	// Ordered is Fence, and besides that a write at Consul refuses to follow one of a higher token: it goes by what the register holds. There is none for etcd, either.
	Ordered
	// Open checks nothing: the positive control.
	Open
)

// Register is the value that only the leader of one election may write. Its methods are safe for concurrent use.
type Register interface {
	// Write sets the register to v if the guard lets g pass. The revision is the store's number of an accepted write. After an error
	// nobody knows whether v was written.
	Write(ctx context.Context, guard Guard, g Grant, v Value) (accepted bool, revision uint64, err error)
	// Read is linearizable. It gives the zero Value, and revision 0, before the first write.
	Read(ctx context.Context) (v Value, revision uint64, err error)
	// Trail lists all writes that were ever accepted: each leaves an entry of its own in the same transaction, with the same revision.
	Trail(ctx context.Context) ([]Entry, error)
	// Close frees the connection.
	Close() error
}

// Entry is what an accepted write leaves beside the register.
type Entry struct {
	Value    Value  `json:"value"`
	Revision uint64 `json:"revision"`
}

// Dial connects to a register that the leader of the election with that key may write. Consul's client uses the first of addrs.
func Dial(store string, addrs []string, election, register string) (Register, error) {
	name := "fenced/" + register
	switch store {
	case "etcd":
		return dialEtcd(addrs, election, name)
	case "consul":
		return dialConsul(addrs, election, name)
	}
	return nil, fmt.Errorf("fenced: no store %q", store)
}
