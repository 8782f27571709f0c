package crowd

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/hashicorp/consul/api"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/e2e/internal/stores"
	"github.com/leadership-go/leadership/e2e/internal/traffic"
	"github.com/leadership-go/leadership/sources/consul"
)

// Requests are how often each kind of request came to the store.
type Requests map[string]int

// Total is the sum of all.
func (r Requests) Total() int {
	sum := 0
	for _, n := range r {
		sum += n
	}
	return sum
}

// Since is what came after an earlier count.
func (r Requests) Since(before Requests) Requests {
	since := make(Requests)
	for kind, n := range r {
		if n -= before[kind]; n > 0 {
			since[kind] = n
		}
	}
	return since
}

// Kinds are the names, sorted.
func (r Requests) Kinds() []string { return slices.Sorted(maps.Keys(r)) }

// entrance makes members' factories and counts what they ask of the store.
type entrance interface {
	// factory is for one member, with a client of its own, at addr.
	factory(addr string) (*leadership.ClusterFactory, error)
	// count is what has come from all of them so far.
	count(ctx context.Context) (Requests, error)
	// close ends what outlives the members.
	close()
}

func entranceOf(store stores.Store) entrance {
	if store.Name() == "etcd" {
		return etcdEntrance{store}
	}
	return &consulEntrance{counts: make(Requests)}
}

// etcdEntrance asks the server: it counts calls by method. A watch is a message on a stream: those are counted instead of the stream.
type etcdEntrance struct{ store stores.Store }

func (e etcdEntrance) factory(addr string) (*leadership.ClusterFactory, error) {
	return e.store.Factory(addr), nil
}

func (e etcdEntrance) close() {}

func (e etcdEntrance) count(ctx context.Context) (Requests, error) {
	counts := make(Requests)
	for _, addr := range e.store.Addrs() {
		families, err := scrape(ctx, "http://"+addr+"/metrics")
		if err != nil {
			return nil, err
		}
		started, received := families["grpc_server_started_total"], families["grpc_server_msg_received_total"]
		if started == nil || received == nil {
			return nil, fmt.Errorf("crowd: etcd at %s counts no calls", addr)
		}
		add(counts, started, func(method string) bool { return method != "Watch" })
		add(counts, received, func(method string) bool { return method == "Watch" })
	}
	return counts, nil
}

func scrape(ctx context.Context, url string) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(resp.Body)
}

func add(counts Requests, family *dto.MetricFamily, wanted func(method string) bool) {
	for _, m := range family.GetMetric() {
		for _, label := range m.GetLabel() {
			if n := int(m.GetCounter().GetValue()); label.GetName() == "grpc_method" && n > 0 && wanted(label.GetValue()) {
				counts[label.GetValue()] += n
			}
		}
	}
}

// consulEntrance counts in the members' own clients, right above the connection: Consul tells no running counts.
type consulEntrance struct {
	mu         sync.Mutex
	counts     Requests
	transports []*http.Transport
}

func (c *consulEntrance) factory(addr string) (*leadership.ClusterFactory, error) {
	cfg := api.DefaultConfig()
	cfg.Address = addr
	transport := cfg.Transport
	cfg.HttpClient = &http.Client{Transport: counting{transport, c}}
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transports = append(c.transports, transport)
	return consul.NewClusterFactory(consul.WithClient(client), consul.WithMinTTL(leastTTL)), nil
}

func (c *consulEntrance) count(context.Context) (Requests, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts), nil
}

func (c *consulEntrance) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

// counting is a transport that counts.
type counting struct {
	*http.Transport
	entrance *consulEntrance
}

func (t counting) RoundTrip(req *http.Request) (*http.Response, error) {
	kind := traffic.NameOf(req)
	t.entrance.mu.Lock()
	t.entrance.counts[kind]++
	t.entrance.mu.Unlock()
	return t.Transport.RoundTrip(req)
}
