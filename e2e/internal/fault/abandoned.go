package fault

import "go.uber.org/goleak"

// Abandoned names the functions of the proxy in which a goroutine stays for ever, to send to a channel that nobody reads any more, where its connection breaks
// just when a fault begins or ends. Who looks for what was left behind counts those apart.
func Abandoned() []string {
	const proxy = "github.com/Shopify/toxiproxy/v2/"
	return []string{
		proxy + "stream.(*ChanWriter).Write",
		proxy + "toxics.(*NoopToxic).Pipe",
		proxy + "toxics.(*LatencyToxic).Pipe",
		proxy + "toxics.(*BandwidthToxic).Pipe",
		proxy + "toxics.(*ToxicStub).WriteOutput",
	}
}

// IgnoreAbandoned has goleak leave them out.
func IgnoreAbandoned() (out []goleak.Option) {
	for _, f := range Abandoned() {
		out = append(out, goleak.IgnoreTopFunction(f))
	}
	return out
}
