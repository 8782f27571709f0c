package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/consulserver"
	"github.com/leadership-go/leadership/e2e/internal/loopback"
	"github.com/leadership-go/leadership/sources/consul"
)

var checkCrashes = flag.Int("check.crashes", 2, "how many processes TestConsulCheckCrashedProcessIsSucceeded kills")

const (
	// checkedTTL is for elections with session checks. The servers here ask for 10 s, as Consul does unless it is told otherwise.
	checkedTTL = 1500 * time.Millisecond
	// slowCheckedTTL leaves a leader time to believe after its session has ended.
	slowCheckedTTL = 5 * time.Second
	// settling is for how long an agent may keep from its servers what its checks find, right after it has found the servers.
	settling = 3 * time.Second
	// sooner bounds a takeover from above: without checks it takes twice 10 s.
	sooner = 10 * time.Second
)

// checkServer is one whose least TTL is the usual one.
func checkServer(t *testing.T) *consulserver.Server {
	t.Helper()
	return consulserver.Run(t, consulserver.Options{MinTTL: 10 * time.Second})
}

// checkedAt makes members at an agent whose sessions end with check.
func checkedAt(addr string, check api.AgentServiceCheck) *leadership.ClusterFactory {
	return consul.NewClusterFactory(consul.WithAddress(addr), consul.WithSessionCheck(check))
}

func tcpCheck(addr string) api.AgentServiceCheck {
	return api.AgentServiceCheck{TCP: addr, Interval: "1s"}
}

// door is where the agent looks whether a process lives.
type door struct {
	addr   string
	server *http.Server
	served chan error
	hangs  atomic.Bool
}

// newDoor is open until the end of the test.
func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{addr: freeAddr(t)}
	d.open(t)
	t.Cleanup(func() { d.close(t) })
	return d
}

// freeAddr is an address that no connection takes by chance when nobody listens there.
func freeAddr(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", must(loopback.FreePorts(t.Context(), 1))(t)[0])
}

func (d *door) open(t *testing.T) {
	t.Helper()
	listener := must(new(net.ListenConfig).Listen(t.Context(), "tcp", d.addr))(t)
	d.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if d.hangs.Load() {
			<-r.Context().Done() // until the agent gives up
		}
	})}
	d.served = make(chan error, 1)
	go func() { d.served <- d.server.Serve(listener) }()
}

func (d *door) close(t *testing.T) {
	t.Helper()
	if d.server == nil {
		return
	}
	if err := errors.Join(d.server.Close(), <-d.served); !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	d.server = nil
}

// checkService is the service that carries the session check of the one member of an election, nil without one.
func checkService(ctx context.Context, operator *api.Client, election string) (*api.AgentService, error) {
	all, err := operator.Agent().ServicesWithFilterOpts("", new(api.QueryOptions).WithContext(ctx))
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.Service == "leadership-"+election {
			return s, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// crashOrder is where a process finds what it has to do if it is to crash.
const crashOrder = "LEADERSHIP_TEST_CRASH"

// crashing is such an order.
type crashing struct {
	Agent, Door string
	Config      leadership.Config
}

// A process that is killed closes nothing. The agent finds its port closed, and the waiter leads after the lock-delay.
func TestConsulCheckCrashedProcessIsSucceeded(t *testing.T) {
	if text := os.Getenv(crashOrder); text != "" {
		leadUntilKilled(t, text)
		return
	}
	t.Parallel()
	server := checkServer(t)
	time.Sleep(settling)
	var took []time.Duration
	for range max(*checkCrashes, 1) {
		t.Run("crash", func(t *testing.T) { took = append(took, crash(t, server)) })
	}
	slices.Sort(took)
	if n := len(took); n > 0 {
		t.Logf("%d crashes: from the kill to the successor's elected.first p50 %v, max %v", n, took[n/2], took[n-1])
	}
}

// leadUntilKilled is the process: this test, run by itself.
func leadUntilKilled(t *testing.T, text string) {
	t.Helper()
	var o crashing
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	d := &door{addr: o.Door}
	d.open(t)
	defer d.close(t)
	member, err := checkedAt(o.Agent, tcpCheck(d.addr)).Configure(o.Config).Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()                 //nolint:errcheck // it is killed
	_, _ = io.Copy(io.Discard, os.Stdin) // until its parent ends
}

// mortal is a leader in a process of its own.
type mortal struct {
	cfg     leadership.Config
	door    string
	service *api.AgentService // that carries its check
	kill    func()            // which does nothing the second time
}

// newMortal starts one with that serviceId and waits until it leads.
func newMortal(t *testing.T, server *consulserver.Server, id string) mortal {
	t.Helper()
	m := mortal{cfg: newElection(checkedTTL), door: freeAddr(t)}
	m.cfg.ServiceID = id
	order := must(json.Marshal(crashing{Agent: server.Addr, Door: m.door, Config: m.cfg}))(t)
	//nolint:gosec // this program
	process := exec.CommandContext(t.Context(), must(os.Executable())(t), "-test.run=^TestConsulCheckCrashedProcessIsSucceeded$", "-test.v")
	process.Env = append(os.Environ(), crashOrder+"="+string(order))
	stdin := must(process.StdinPipe())(t)
	var output bytes.Buffer
	process.Stdout, process.Stderr = &output, &output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	m.kill = func() {
		if killed {
			return
		}
		killed = true
		_ = process.Process.Kill()
		_ = process.Wait()
		_ = stdin.Close() // of a process that is gone
		if t.Failed() {
			t.Logf("the process said: %s", &output)
		}
	}
	t.Cleanup(m.kill)
	operator := server.Client()
	eventually(t, func(ctx context.Context) error {
		entry, _, err := operator.KV().Get(m.cfg.Key(), new(api.QueryOptions).WithContext(ctx))
		if err == nil && (entry == nil || !strings.Contains(string(entry.Value), m.cfg.ServiceID)) {
			err = fmt.Errorf("it does not lead: %v", entry)
		}
		return err
	})
	m.service = must(checkService(t.Context(), operator, m.cfg.ServiceName))(t)
	return m
}

// crash kills a leader and returns how long it took until another one led.
func crash(t *testing.T, server *consulserver.Server) time.Duration {
	t.Helper()
	m := newMortal(t, server, "process")
	waiter := enter(t, checkedAt(server.Addr, tcpCheck(newDoor(t).addr)), m.cfg, "waiter")
	waiter.await(t, leadership.StatusNotElected)
	time.Sleep(rand.N(time.Second)) // the agent looks once a second
	at := time.Now()
	m.kill()
	took := waiter.await(t, leadership.StatusElectedFirst).At.Sub(at)
	t.Logf("led after %v", took)
	if took > sooner {
		t.Errorf("it led after %v only", took)
	}
	// Nobody is left who could remove the service. The agent does, when its check has been critical for a minute.
	eventually(t, func(ctx context.Context) error {
		checks, _, err := server.Client().Health().Checks(m.service.Service, new(api.QueryOptions).WithContext(ctx))
		if err != nil {
			return err
		}
		i := slices.IndexFunc(checks, func(c *api.HealthCheck) bool { return c.ServiceID == m.service.ID })
		if i < 0 || checks[i].Status != api.HealthCritical {
			return fmt.Errorf("the check of the process that crashed: %+v", checks)
		}
		return nil
	})
	return took
}

// The check of the process that crashed passes again: it looks at the port, which its successor has.
func TestConsulCheckOfACrashedProcessIsRemovedByTheNextOne(t *testing.T) {
	t.Parallel()
	server := checkServer(t)
	time.Sleep(settling)
	for name, id := range map[string]string{"of the same name": "process", "with the default serviceId, in which the process id is": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMortal(t, server, id)
			m.kill()
			at := time.Now()
			d := &door{addr: m.door}
			d.open(t)
			t.Cleanup(func() { d.close(t) })
			again := enter(t, checkedAt(server.Addr, tcpCheck(d.addr)), m.cfg, id)
			took := again.await(t, leadership.StatusElectedFirst).At.Sub(at)
			t.Logf("led after %v", took)
			if took > sooner {
				t.Errorf("it led after %v only", took)
			}
			if _, left := must(server.Client().Agent().Services())(t)[m.service.ID]; left {
				t.Error("the agent has the check of the process that crashed, and it passes")
			}
		})
	}
}

func TestConsulCheckIsRegisteredWhileTheMemberLives(t *testing.T) {
	t.Parallel()
	server := checkServer(t)
	operator := server.Client()
	for name, check := range map[string]func(d *door) api.AgentServiceCheck{
		"TCP": func(d *door) api.AgentServiceCheck { return tcpCheck(d.addr) },
		"HTTP": func(d *door) api.AgentServiceCheck {
			return api.AgentServiceCheck{HTTP: "http://" + d.addr, Interval: "1s"}
		},
		"TTL": func(*door) api.AgentServiceCheck { return api.AgentServiceCheck{TTL: "2s"} },
		"TCP, which waits until it has passed": func(d *door) api.AgentServiceCheck {
			return api.AgentServiceCheck{TCP: d.addr, Interval: "1s", Status: api.HealthCritical}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := newElection(checkedTTL)
			leader := enter(t, checkedAt(server.Addr, check(newDoor(t))), cfg, "node-1")
			first := leader.await(t, leadership.StatusElectedFirst)
			service := must(checkService(t.Context(), operator, cfg.ServiceName))(t)
			if service == nil {
				t.Fatal("no service at the agent")
			}
			session, _, err := operator.Session().Info(first.Vote.SessionID, nil)
			if err != nil || session == nil || session.TTL != "10s" || session.LockDelay != checkedTTL ||
				len(session.ServiceChecks) != 1 || session.ServiceChecks[0].ID != service.ID || len(session.NodeChecks) != 0 {
				t.Errorf("the session is %+v, %v", session, err)
			}
			for range 4 { // renewals, so that a check that they pass has had the time to run out
				leader.awaitProof(t)
			}
			leader.stillLeads(t, first)

			if err := operator.Agent().ServiceDeregister(service.ID); err != nil { // as an agent that was restarted without its data
				t.Fatal(err)
			}
			if end := leader.await(t, leadership.StatusRelegation); !errors.Is(end.Err, leadership.ErrSessionLost) && !errors.Is(end.Err, leadership.ErrKeyLost) {
				t.Errorf("relegated because of %v", end.Err)
			}
			leader.await(t, leadership.StatusElectedFirst)
			if again := must(checkService(t.Context(), operator, cfg.ServiceName))(t); again == nil || again.ID != service.ID {
				t.Errorf("registered again as %+v, want the id %s", again, service.ID)
			}

			if err := leader.Close(); err != nil {
				t.Error(err)
			}
			if left := must(checkService(t.Context(), operator, cfg.ServiceName))(t); left != nil {
				t.Errorf("left at the agent: %+v", left)
			}
			eventually(t, func(ctx context.Context) error {
				left, _, err := operator.Catalog().Service(service.Service, "", new(api.QueryOptions).WithContext(ctx))
				if err == nil && len(left) > 0 {
					err = fmt.Errorf("left in the catalog: %+v", left[0])
				}
				return err
			})
		})
	}
}

// An agent that restarts takes every check for critical until it has run.
func TestConsulCheckOutlivesARestartOfTheAgent(t *testing.T) {
	t.Parallel()
	for name, persist := range map[string]bool{"with its data": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := consulserver.Run(t, consulserver.Options{MinTTL: 10 * time.Second, Persist: persist})
			cfg := newElection(checkedTTL)
			leader := enter(t, checkedAt(server.Addr, tcpCheck(newDoor(t).addr)), cfg, "node-1")
			leader.await(t, leadership.StatusElectedFirst)
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			leader.await(t, leadership.StatusRelegation)
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			leader.await(t, leadership.StatusElectedFirst)
			if service := must(checkService(t.Context(), server.Client(), cfg.ServiceName))(t); service == nil {
				t.Error("no service at the agent")
			}
		})
	}
}

// The agent tells the servers that a check failed with the token of its registration, and gives up where that is refused.
func TestConsulCheckGoesOnWithANewToken(t *testing.T) {
	t.Parallel()
	server := consulserver.Run(t, consulserver.Options{MinTTL: 10 * time.Second, ACL: true})
	const rules = `key_prefix "" { policy = "write" } session_prefix "" { policy = "write" } service_prefix "leadership-" { policy = "write" }`
	file := filepath.Join(t.TempDir(), "token")
	issue := func() (end func()) {
		secret, end := consulToken(t, server.Client(), rules)
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		return end
	}
	end := issue()
	d := newDoor(t)
	f := consul.NewClusterFactory(consul.WithAddress(server.Addr), consul.WithTokenFile(file), consul.WithSessionCheck(tcpCheck(d.addr)))
	leader := enter(t, f, newElection(checkedTTL), "node-1")
	first := leader.await(t, leadership.StatusElectedFirst)
	issue()
	end()
	for range 3 {
		leader.awaitProof(t)
	}
	leader.stillLeads(t, first)
	d.close(t)
	if ended := leader.await(t, leadership.StatusRelegation); !errors.Is(ended.Err, leadership.ErrKeyLost) && !errors.Is(ended.Err, leadership.ErrSessionLost) {
		t.Errorf("relegated because of %v", ended.Err)
	}
	leader.awaitText(t, "is in critical state")
	d.open(t)
	leader.await(t, leadership.StatusElectedFirst)
}
