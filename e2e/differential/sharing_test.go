package differential

import (
	"math/rand/v2"
	"time"

	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/operators"
)

// visit is the stay of one of several subscribers.
type visit struct{ from, to time.Duration }

// visits are random ones, at times when no source does anything.
func visits(r *rand.Rand) []visit {
	made := make([]visit, 4)
	from := 0
	for i := range made {
		at := time.Duration(from)*frame + 600*frame/1000 + time.Duration(i)*frame/100
		made[i] = visit{at, at + time.Duration(1+r.IntN(12))*frame + frame/1000}
		from += r.IntN(8)
	}
	return made
}

func shareOurs(s *stage, o leadership.Observable[string]) {
	for i, v := range s.visits {
		time.AfterFunc(v.from, func() {
			sub := o.Subscribe(func(v string) { s.note(label(i, v)) },
				leadership.OnError(func(err error) { s.note(label(i, failed+name(err))) }),
				leadership.OnComplete(func() { s.note(label(i, completed)) }))
			time.AfterFunc(v.to-v.from, sub.Unsubscribe)
		})
	}
	<-s.ctx.Done()
}

func shareRo(s *stage, o ro.Observable[string]) {
	for i, v := range s.visits {
		time.AfterFunc(v.from, func() {
			sub := o.SubscribeWithContext(s.ctx, ro.NewObserver(func(v string) { s.note(label(i, v)) },
				func(err error) { s.note(label(i, failed+name(err))) },
				func() { s.note(label(i, completed)) }))
			time.AfterFunc(v.to-v.from, sub.Unsubscribe)
		})
	}
	<-s.ctx.Done()
}

func sharing() map[string]comparison {
	shared := shape{sources: 4, visits: true, errors: 4, n: [2]int{1, 3}}
	return map[string]comparison{
		"Share": {
			shape: shared, order: byStream,
			ours: func(s *stage) { shareOurs(s, operators.Share(s.again())) },
			ro:   func(s *stage) { shareRo(s, ro.Share[string]()(s.roAgain())) },
		},
		"ShareReplay": {
			shape: shared, order: byStream,
			like: "ShareReplay that is released",
			ours: func(s *stage) { shareOurs(s, operators.ShareReplay(s.again(), s.n)) },
			ro:   func(s *stage) { shareRo(s, ro.ShareReplay[string](s.n)(s.roAgain())) },
		},
		"ShareReplay that is released": {
			shape: shared, order: byStream,
			operator: "ShareReplay",
			called:   map[peer]string{inRo: "ShareReplayWithConfig, with ResetOnRefCountZero"},
			ours:     func(s *stage) { shareOurs(s, operators.ShareReplay(s.again(), s.n)) },
			ro: func(s *stage) {
				shareRo(s, ro.ShareReplayWithConfig[string](s.n, ro.ShareReplayConfig{ResetOnRefCountZero: true})(s.roAgain()))
			},
		},
		"ObserveOn": {
			ours: func(s *stage) { recordOurs(s, operators.ObserveOn(s.source(0))) },
			ro:   func(s *stage) { recordRo(s, ro.ObserveOn[string](16)(s.roSource(0))) },
		},
	}
}

func sharingDiffers() []difference {
	return []difference{
		{
			operator: "ShareReplay",
			standard: "Open: replay and refCount of RxJava release the source when the last subscriber leaves; shareReplay of RxJS does not, unless told to.",
			here:     "the source is released; who comes then starts it afresh",
			ro: &deviation{
				does:    "goes on with the source when all have left; ShareReplayWithConfig, with ResetOnRefCountZero, is as here",
				account: replayForEver,
			},
		},
	}
}

// replayForEver is what each subscriber sees of a source that no leaving subscriber releases. An error does.
func replayForEver(in input, _ trace) trace {
	var made trace
	var source trace // what the subscription under way brings, in absolute time
	attempts := 0
	for i, v := range in.visits {
		if _, end := source.split(); attempts == 0 || end.failure() && end.at < v.from {
			source = in.sources[min(attempts, len(in.sources)-1)].later(v.from)
			attempts++
		}
		before := source.until(v.from)
		past, end := before.split()
		for _, e := range past[max(len(past)-in.n, 0):] {
			made = made.with(event{v.from, label(i, e.what)})
		}
		if end.what != "" {
			made = made.with(event{v.from, label(i, end.what)})
		}
		for _, e := range source.until(v.to)[len(before):] {
			made = made.with(event{e.at, label(i, e.what)})
		}
	}
	return byStream(made)
}
