package streams

import (
	"context"
	"sync"

	"github.com/reactivex/rxgo/v2"
	"github.com/samber/ro"

	"github.com/leadership-go/leadership"
)

// Hot is one way to give each of what one source emits to many subscribers.
type Hot struct {
	Name string
	// start subscribes each of next. emit gives a value to all of them; stop completes the stream and returns when all have ended, with
	// what they ended by if not well.
	start func(next []func(int)) (emit func(int), stop func() error)
}

// Hots are the ways, each as it comes. All but [Ro]'s have room for 256 values between the source and a subscriber, or can be told to.
func Hots() []Hot {
	return []Hot{
		{Ours, oursHot},
		{Channels, channelsHot},
		{Ro, roHot},
		{RoObserveOn, roObserveOnHot},
		{Rxgo, func(next []func(int)) (func(int), func() error) { return rxgoHot(next) }},
		{RxgoBuffered, func(next []func(int)) (func(int), func() error) {
			return rxgoHot(next, rxgo.WithBufferedChannel(buffer))
		}},
	}
}

func oursHot(next []func(int)) (func(int), func() error) {
	s := leadership.NewSubject[int]()
	subs := make([]*leadership.Subscription, len(next))
	for i, f := range next {
		subs[i] = s.AsObservable().Subscribe(f)
	}
	return s.Next, func() error {
		s.Complete()
		for _, sub := range subs {
			<-sub.Done()
			if err := sub.Err(); err != nil {
				return err
			}
		}
		return nil
	}
}

// channelsHot is a goroutine and a buffered channel for each subscriber.
func channelsHot(next []func(int)) (func(int), func() error) {
	channels := make([]chan int, len(next))
	var all sync.WaitGroup
	for i, f := range next {
		values := make(chan int, buffer)
		channels[i] = values
		all.Go(func() {
			for v := range values {
				f(v)
			}
		})
	}
	emit := func(v int) {
		for _, c := range channels {
			c <- v
		}
	}
	return emit, func() error {
		for _, c := range channels {
			close(c)
		}
		all.Wait()
		return nil
	}
}

// roHot has nothing between the source and the subscribers: its Next calls one after the other.
func roHot(next []func(int)) (func(int), func() error) {
	s := ro.NewPublishSubject[int]()
	return roSubscribe(s, s, next)
}

// roObserveOnHot has a goroutine and a buffered channel for each subscriber, so that they don't wait for each other as long as it has room.
func roObserveOnHot(next []func(int)) (func(int), func() error) {
	s := ro.NewPublishSubject[int]()
	return roSubscribe(s, ro.ObserveOn[int](buffer)(s), next)
}

func roSubscribe(s ro.Subject[int], o ro.Observable[int], next []func(int)) (func(int), func() error) {
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		failed error
	)
	all.Add(len(next))
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		failed = err
	}
	for _, f := range next {
		o.Subscribe(ro.NewObserver(f, func(err error) {
			fail(err)
			all.Done()
		}, all.Done))
	}
	return s.Next, func() error {
		s.Complete()
		all.Wait()
		mu.Lock()
		defer mu.Unlock()
		return failed
	}
}

// rxgoHot is a connectable Observable, the quicker of rxgo's two hot sources: FromEventSource selects between the context and each send.
func rxgoHot(next []func(int), opts ...rxgo.Option) (func(int), func() error) {
	values := make(chan rxgo.Item, buffer)
	o := rxgo.FromChannel(values, rxgo.WithPublishStrategy())
	ended := make([]rxgo.Disposed, len(next))
	for i, f := range next {
		ended[i] = o.DoOnNext(func(v any) { f(v.(int)) }, opts...)
	}
	_, disconnect := o.Connect(context.Background())
	return func(v int) { values <- rxgo.Of(v) }, func() error {
		close(values)
		for _, e := range ended {
			<-e
		}
		disconnect()
		return nil
	}
}
