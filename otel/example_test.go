package leadershipotel_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
	leadershipotel "github.com/leadership-go/leadership/otel"
	"github.com/leadership-go/leadership/sources/memory"
)

// A member's term, as its traces show it. An exporter would stand in for the recorder.
func Example() {
	ctx := context.Background()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	telemetry, err := leadershipotel.New(leadershipotel.WithTracerProvider(provider))
	if err != nil {
		fmt.Println(err)
		return
	}
	member, err := telemetry.Build(ctx, memory.NewClusterFactory(nil).Configure(leadership.Config{ServiceID: "node-1"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	leads(ctx, member)
	_ = member.Close()
	_ = provider.Shutdown(ctx)

	for _, span := range recorder.Ended() {
		if span.Parent().IsValid() {
			continue // a call to the store
		}
		fmt.Println(span.Name())
		for _, a := range span.Attributes() {
			if a.Key == "leadership.outcome" || a.Key == "leadership.reason" {
				fmt.Println("   ", a.Key, "=", a.Value.AsString())
			}
		}
	}
	// Output:
	// leadership.campaign
	//     leadership.outcome = elected
	// leadership.handover
	//     leadership.outcome = returned
	//     leadership.reason = closed
}

// Two members are scraped by Prometheus, before and after one hands over to the other.
func ExampleTelemetry_Build() {
	ctx := context.Background()
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		fmt.Println(err)
		return
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(ctx) }()
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()

	telemetry, err := leadershipotel.New(leadershipotel.WithMeterProvider(provider))
	if err != nil {
		fmt.Println(err)
		return
	}
	store := memory.NewStore()
	var members []*leadership.Member
	for _, id := range []string{"node-1", "node-2"} {
		member, err := telemetry.Build(ctx, memory.NewClusterFactory(store).Configure(leadership.Config{ServiceName: "billing", ServiceID: id}))
		if err != nil {
			fmt.Println(err)
			return
		}
		defer func() { _ = member.Close() }()
		members = append(members, member)
		if id == "node-1" {
			leads(ctx, member)
		}
	}

	scrape(ctx, server.URL, "leadership_leading{")
	if err := members[0].Resign(ctx); err != nil {
		fmt.Println(err)
	}
	leads(ctx, members[1])
	scrape(ctx, server.URL, "leadership_leading{")
	// Output:
	// leadership_leading{leadership_instance="node-1",leadership_key="services/billing/leader",leadership_service="billing"} 1
	// leadership_leading{leadership_instance="node-2",leadership_key="services/billing/leader",leadership_service="billing"} 0
	// leadership_leading{leadership_instance="node-1",leadership_key="services/billing/leader",leadership_service="billing"} 0
	// leadership_leading{leadership_instance="node-2",leadership_key="services/billing/leader",leadership_service="billing"} 1
}

// leads waits until member leads.
func leads(ctx context.Context, member *leadership.Member) {
	for _, err := range operators.OfStatus(member.AsObservable(), leadership.StatusElectedFirst).Seq(ctx) {
		if err != nil {
			fmt.Println(err)
		}
		return
	}
}

// scrape prints the lines of /metrics that start with prefix.
func scrape(ctx context.Context, url, prefix string) {
	lines, err := scraped(ctx, url)
	if err != nil {
		fmt.Println(err)
	}
	for _, line := range slices.Sorted(slices.Values(lines)) {
		if strings.HasPrefix(line, prefix) {
			fmt.Println(line)
		}
	}
}

// scraped asks url as Prometheus does.
func scraped(ctx context.Context, url string) ([]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %s: %s", response.Status, body)
	}
	return strings.Split(strings.TrimSpace(string(body)), "\n"), err
}
