package leadershipotel_test

import (
	"context"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/leadership-go/leadership"
	leadershipotel "github.com/leadership-go/leadership/otel"
	"github.com/leadership-go/leadership/sources/memory"
)

// families are the names and kinds in what was scraped, of our own metrics.
func families(lines []string) map[string]string {
	found := make(map[string]string)
	for _, line := range lines {
		if fields := strings.Fields(line); len(fields) == 4 && fields[0] == "#" && fields[1] == "TYPE" {
			found[fields[2]] = fields[3]
		}
	}
	return found
}

// sample is the value in the one line of a family that has all labels.
func sample(t *testing.T, lines []string, family string, labels ...string) string {
	t.Helper()
	var values []string
	for _, line := range lines {
		name, rest, _ := strings.Cut(line, "{")
		set, value, ok := strings.Cut(rest, "} ")
		if ok && name == family && !slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(set, l) }) {
			values = append(values, value)
		}
	}
	if len(values) != 1 {
		t.Fatalf("%s%v has %d samples, not 1:\n%s", family, labels, len(values), strings.Join(lines, "\n"))
	}
	return values[0]
}

func TestPrometheusScrapes(t *testing.T) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	tel := telemetry(t, leadershipotel.WithMeterProvider(provider))
	store := memory.NewStore()
	build := func(id string) *leadership.Member {
		// Refreshes soon, so that there are renewals within the test.
		f := memory.NewClusterFactory(store).Configure(leadership.Config{
			ServiceName: "app", ServiceID: id, Session: leadership.SessionConfig{TTL: ttl, Refresh: ttl / 1000},
		})
		m, err := tel.Build(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	scrape := func() []string {
		lines, err := scraped(t.Context(), server.URL)
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	a := build("a")
	defer func() { _ = a.Close() }()
	leads(t.Context(), a)
	b := build("b")
	defer func() { _ = b.Close() }()
	quiet := a.AsObservable().Subscribe(nil, tel.Subscriber(a, "quiet"))
	defer quiet.Unsubscribe()

	t.Run("the families are those that README.md names", func(t *testing.T) {
		want := map[string]string{
			"leadership_leading":                          "gauge",
			"leadership_term":                             "gauge",
			"leadership_margin_seconds":                   "gauge",
			"leadership_transitions_total":                "counter",
			"leadership_renewal_margin_seconds":           "histogram",
			"leadership_store_operation_duration_seconds": "histogram",
			"leadership_errors_total":                     "counter",
			"leadership_messages_coalesced_total":         "counter",
			"target_info":                                 "gauge", // of OpenTelemetry itself
		}
		var got map[string]string
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for len(got) < len(want) && ctx.Err() == nil { // until a renewal was measured
			got = families(scrape())
		}
		if !maps.Equal(got, want) {
			t.Errorf("scraped %v, want %v", got, want)
		}
		text, err := os.ReadFile("README.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`leadership_[a-z_]+`).FindAllString(string(text), -1) {
			if _, ok := want[strings.TrimSuffix(name, "_bucket")]; !ok && !slices.Contains([]string{"leadership_key", "leadership_reason"}, name) {
				t.Errorf("README.md names %s, which is neither a family nor a label of an alert", name)
			}
		}
		for name := range want {
			if name != "target_info" && !strings.Contains(string(text), name) {
				t.Errorf("README.md does not name %s", name)
			}
		}
	})
	t.Run("leading is 1 for the leader only, and 0 after Resign", func(t *testing.T) {
		lines := scrape()
		if got := sample(t, lines, "leadership_leading", `leadership_instance="a"`, `leadership_key="services/app/leader"`, `leadership_service="app"`); got != "1" {
			t.Errorf("a: %s", got)
		}
		if got := sample(t, lines, "leadership_leading", `leadership_instance="b"`); got != "0" {
			t.Errorf("b: %s", got)
		}
		if err := a.Resign(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := sample(t, scrape(), "leadership_leading", `leadership_instance="a"`); got != "0" {
			t.Errorf("a, after Resign: %s", got)
		}
		leads(t.Context(), b)
		lines = scrape()
		if got := sample(t, lines, "leadership_leading", `leadership_instance="b"`); got != "1" {
			t.Errorf("b, after Resign of a: %s", got)
		}
		if got := sample(t, lines, "leadership_margin_seconds", `leadership_instance="a"`); got != "0" {
			t.Errorf("a has a margin of %s", got)
		}
		if got := sample(t, lines, "leadership_term", `leadership_instance="b"`); got != "2" {
			t.Errorf("b knows term %s", got)
		}
	})
}
