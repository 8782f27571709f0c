package e2e_test

import (
	"context"
	"testing"

	"github.com/hashicorp/consul/api"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/sources/consul"
	"github.com/leadership-go/leadership/sources/etcd"
)

// fencedWrite writes behind a fence, and reports whether it got through.
type fencedWrite func(ctx context.Context, term leadership.Term) (bool, error)

// fences are those of a store, by name.
func fences(t *testing.T, s stores.Store) map[string]fencedWrite {
	t.Helper()
	if s.Name() == "etcd" {
		client := must(clientv3.New(clientv3.Config{Endpoints: s.Addrs()}))(t)
		t.Cleanup(func() { _ = client.Close() })
		return map[string]fencedWrite{"Fence": func(ctx context.Context, term leadership.Term) (bool, error) {
			resp, err := client.Txn(ctx).If(etcd.Fence(term)).Then(clientv3.OpPut("written behind a fence", "42")).Commit()
			return err == nil && resp.Succeeded, err
		}}
	}
	config := api.DefaultConfig()
	config.Address = s.Addrs()[0]
	client := must(api.NewClient(config))(t)
	behind := func(fence func(leadership.Term) *api.TxnOp) fencedWrite {
		return func(ctx context.Context, term leadership.Term) (bool, error) {
			write := &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVSet, Key: "written behind a fence", Value: []byte("42")}}
			ok, _, _, err := client.Txn().Txn(api.TxnOps{fence(term), write}, new(api.QueryOptions).WithContext(ctx))
			return ok, err
		}
	}
	return map[string]fencedWrite{"Fence": behind(consul.Fence), "FenceIndex": behind(consul.FenceIndex)}
}

func TestFenceOfATerm(t *testing.T) {
	t.Parallel()
	onEachStore(t, stores.Options{}, true, []memberCase{
		{"lets a term write as long as it stands at the store", func(t *testing.T, s stores.Store) {
			cfg := newElection(calmTTL)
			a := enter(t, s.Factory(), cfg, "a")
			a.await(t, leadership.StatusElectedFirst)
			b := enter(t, s.Factory(), cfg, "b")
			b.await(t, leadership.StatusNotElected)
			first := a.Term()
			writes := fences(t, s)
			expect := func(when string, term leadership.Term, want bool) {
				t.Helper()
				for name, write := range writes {
					if got, err := write(soon(t), term); err != nil || got != want {
						t.Errorf("%s, %s: got through %v, want %v; %v", when, name, got, want, err)
					}
				}
			}
			expect("while it leads", first, true)
			expect("the zero Term, while somebody leads", leadership.Term{}, false)
			if err := a.Resign(soon(t)); err != nil {
				t.Fatal(err)
			}
			b.await(t, leadership.StatusElectedFirst)
			expect("after it resigned", first, false)
			expect("while its successor leads", b.Term(), true)
			last := b.Term()
			for _, c := range []*candidate{a, b} {
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
			}
			expect("where nobody leads", last, false)
			expect("the zero Term, where nobody leads", leadership.Term{}, false)
		}},
	})
}
