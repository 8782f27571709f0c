package streams

import (
	"fmt"
	"testing"
	"time"
)

func BenchmarkPipeline(b *testing.B) {
	benchmarkPipelines(b, "int", Numbers(1<<14))
	benchmarkPipelines(b, "record", Records(1<<14))
}

func benchmarkPipelines[T comparable](b *testing.B, kind string, w Work[T]) {
	for _, p := range Pipelines[T]() {
		b.Run(kind+"/"+p.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Run(w); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(w.Values)), "ns/event")
		})
	}
}

func BenchmarkFanOut(b *testing.B) {
	for _, subscribers := range []int{1, 100, 10_000} {
		for _, burst := range []int{1, 256} {
			for _, h := range Hots() {
				b.Run(fmt.Sprintf("%d/burst%d/%s", subscribers, burst, h.Name), func(b *testing.B) {
					var took time.Duration
					f := FanOut{Subscribers: subscribers, Burst: burst, Bursts: 1}
					f.Bursts = max(1, b.N/f.Deliveries())
					b.ReportAllocs()
					took, err := h.Run(f)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(took.Nanoseconds())/float64(f.Deliveries()), "ns/delivery")
				})
			}
		}
	}
}
