package e2e_test

import (
	"os/exec"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/etcdserver"
	"github.com/leadership-go/leadership/sources/etcd"
)

const etcdRoot = "open sesame"

func TestSecurityEtcdRoleIsEnough(t *testing.T) {
	t.Parallel()
	server := etcdserver.Start(t, etcdserver.Options{RootPassword: etcdRoot})
	etcdctl := must(etcdserver.Binary(soon(t), "etcdctl"))(t)
	const password = "given-on-standard-input"
	commands := 0
	for line := range strings.Lines(document(t, "etcd-role.txt")) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if words[0] != "etcdctl" {
			t.Fatalf("docs/etcd-role.txt: %q", line)
		}
		command := exec.CommandContext(soon(t), etcdctl, words[1:]...)
		command.Env = []string{"ETCDCTL_ENDPOINTS=" + server.Endpoints()[0], "ETCDCTL_USER=root:" + etcdRoot}
		command.Stdin = strings.NewReader(password + "\n")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		commands++
	}
	if commands == 0 {
		t.Fatal("docs/etcd-role.txt holds no command")
	}
	cfg := newElection(calmTTL)
	cfg.ServiceName = "cluster-app"
	member := func(id string) *candidate {
		f := etcd.NewClusterFactory(etcd.WithEndpoints(server.Endpoints()...), etcd.WithUser("cluster-app", password))
		return enter(t, f, cfg, id)
	}
	first := member("node-1")
	first.await(t, leadership.StatusElectedFirst)
	second := member("node-2")
	second.await(t, leadership.StatusNotElected)
	third := member("node-3")
	third.await(t, leadership.StatusNotElected)
	if err := first.Resign(soon(t)); err != nil {
		t.Errorf("resign: %v", err)
	}
	second.await(t, leadership.StatusElectedFirst)
	if vote, err := first.Leader(soon(t)); err != nil || vote == nil || vote.ServiceID != "node-2" {
		t.Errorf("leader: %v, %v", vote, err)
	}
	// Its key is deleted past it, so that its successor asks for the life of its lease.
	if _, err := server.Dial(t).Delete(soon(t), cfg.Key()+"/"+second.says.All()[second.at-1].Vote.SessionID); err != nil {
		t.Fatal(err)
	}
	second.await(t, leadership.StatusRelegation)
	third.await(t, leadership.StatusElectedFirst)
	for _, c := range []*candidate{first, second, third} {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if n := c.says.Count(leadership.StatusError); n > 0 {
			t.Errorf("%d errors with the documented role:\n%v", n, c.says)
		}
	}
	if left, err := server.Dial(t).Get(soon(t), "", clientv3.WithPrefix(), clientv3.WithKeysOnly()); err != nil || len(left.Kvs) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSecurityEtcdLessThanTheRoleIsRefused(t *testing.T) {
	t.Parallel()
	server := etcdserver.Start(t, etcdserver.Options{RootPassword: etcdRoot})
	root := server.Dial(t)
	type permission struct {
		prefix string
		kind   clientv3.PermissionType
	}
	const all, read, write = clientv3.PermissionType(clientv3.PermReadWrite), clientv3.PermissionType(clientv3.PermRead), clientv3.PermissionType(clientv3.PermWrite)
	for _, c := range []struct {
		sentence string
		granted  func(prefix string) []permission
	}{
		{"no right", func(string) []permission { return nil }},
		{"the right to read alone", func(prefix string) []permission { return []permission{{prefix, read}} }},
		{"the right to write alone", func(prefix string) []permission { return []permission{{prefix, write}} }},
		{"the right to another election", func(prefix string) []permission { return []permission{{"services/other/leader/", all}} }},
		{"the right to the candidates' keys, and not to the traces beside them", func(prefix string) []permission { return []permission{{prefix, all}} }},
		{"the right to a part of the election's keys", func(prefix string) []permission { return []permission{{prefix + "1", all}} }},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			cfg := newElection(calmTTL)
			name := cfg.ServiceName
			must(root.RoleAdd(soon(t), name))(t)
			for _, p := range c.granted(cfg.Key() + "/") {
				must(root.RoleGrantPermission(soon(t), name, p.prefix, clientv3.GetPrefixRangeEnd(p.prefix), p.kind))(t)
			}
			must(root.UserAdd(soon(t), name, "password of "+name))(t)
			must(root.UserGrantRole(soon(t), name, name))(t)
			f := etcd.NewClusterFactory(etcd.WithEndpoints(server.Endpoints()...), etcd.WithUser(name, "password of "+name))
			member := enter(t, f, cfg, "node-1")
			if said := member.awaitError(t, leadership.ErrDenied); !strings.Contains(said.Err.Error(), "campaign for "+cfg.Key()) {
				t.Errorf("it says %v; want what was denied", said.Err)
			}
			member.neverLeads(t)
		})
	}
}
