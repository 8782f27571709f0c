package wmbridge_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/leadership-go/leadership"
	wmbridge "github.com/leadership-go/leadership/bridges/watermill"
	"github.com/leadership-go/leadership/operators"
)

func TestSubscribe(t *testing.T) {
	bubble(t, "values come in order, each acknowledged after it was delivered, and the closed channel completes it", func(t *testing.T) {
		b := &broker{payloads: []string{"1", "2"}}
		<-traced(&b.trace, wmbridge.Subscribe[int](b, topic, nil)).Done()
		b.is(t, "1", "ack 1", "2", "ack 2", "|")
		b.released(t, 1)
	})
	bubble(t, "it is cold: each subscription is one of the broker's", func(t *testing.T) {
		b := &broker{payloads: []string{"1", "2"}, stay: true}
		values := wmbridge.Subscribe[int](b, topic, nil)
		b.released(t, 0)
		for range 2 {
			if err := operators.First(values).ForEach(t.Context(), func(v int) { b.add("%d", v) }); err != nil {
				t.Error(err)
			}
		}
		b.is(t, "1", "ack 1", "2", "ack 2")
		b.released(t, 2)
	})
	bubble(t, "a format of one's own", func(t *testing.T) {
		b := &broker{payloads: []string{"one"}}
		values := wmbridge.Subscribe(b, topic, func(data []byte) (string, error) { return string(data) + "!", nil })
		<-traced(&b.trace, values).Done()
		b.is(t, "one!", "ack one", "|")
	})
	bubble(t, "what can't be read fails it, nacked, and comes again", func(t *testing.T) {
		b := &broker{payloads: []string{"1", "two", "3"}}
		values := wmbridge.Subscribe[int](b, topic, nil)
		var err error
		sub := operators.Retry(values, operators.RetryPolicy{Max: 1}).Subscribe(func(v int) { b.add("%d", v) }, leadership.OnError(func(e error) { err = e }))
		<-sub.Done()
		b.is(t, "1", "ack 1", "nack two", "nack two")
		want := `wmbridge: malformed payload: topic "leaders", message id-two: `
		if !errors.Is(err, wmbridge.ErrPayload) || len(err.Error()) <= len(want) || err.Error()[:len(want)] != want {
			t.Errorf("ended by %v", err)
		}
		b.released(t, 2)
	})
	bubble(t, "the cause of what can't be read is wrapped", func(t *testing.T) {
		b := &broker{payloads: []string{"1"}}
		err := wmbridge.Subscribe(b, topic, func([]byte) (int, error) { return 0, errBroken }).ForEach(t.Context(), nil)
		if !errors.Is(err, wmbridge.ErrPayload) || !errors.Is(err, errBroken) {
			t.Errorf("ended by %v", err)
		}
	})
	bubble(t, "the broker refuses", func(t *testing.T) {
		err := wmbridge.Subscribe[int](&broker{}, "other", nil).ForEach(t.Context(), nil)
		if !errors.Is(err, errBroken) || err.Error() != `wmbridge: subscribe to topic "other": broken` {
			t.Errorf("ended by %v", err)
		}
	})
	bubble(t, "no subscriber", func(t *testing.T) {
		err := wmbridge.Subscribe[int](nil, topic, nil).ForEach(t.Context(), nil)
		if !errors.Is(err, leadership.ErrInvalidConfig) {
			t.Errorf("ended by %v", err)
		}
	})
	bubble(t, "a Subscribe that waits for its context ends with the subscription, by its cause", func(t *testing.T) {
		var r trace
		hanging := subscriber(func(ctx context.Context) (<-chan *message.Message, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		sub := traced(&r, wmbridge.Subscribe[int](hanging, topic, nil))
		synctest.Wait()
		sub.Unsubscribe()
		if !errors.Is(sub.Err(), leadership.ErrUnsubscribed) {
			t.Errorf("ended by %v", sub.Err())
		}
		r.is(t)
	})
	bubble(t, "the context carries the values of the subscriber's", func(t *testing.T) {
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "mine")
		s := subscriber(func(ctx context.Context) (<-chan *message.Message, error) {
			if ctx.Value(key{}) != "mine" {
				t.Error("lost")
			}
			return nil, errBroken
		})
		if err := wmbridge.Subscribe[int](s, topic, nil).ForEach(ctx, nil); !errors.Is(err, errBroken) {
			t.Errorf("ended by %v", err)
		}
	})
}

type subscriber func(context.Context) (<-chan *message.Message, error)

func (s subscriber) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	return s(ctx)
}

func (subscriber) Close() error { return nil }

func TestWhatIsAcknowledged(t *testing.T) {
	enough := errors.New("enough")
	for name, c := range map[string]struct {
		// end ends the subscription from within the delivery of 1.
		end  func(t *testing.T, sub *leadership.Subscription, cancel func(error))
		pipe func(leadership.Observable[int]) leadership.Observable[int]
		want []string
		err  error
	}{
		"Take has enough: acknowledged": {
			pipe: func(o leadership.Observable[int]) leadership.Observable[int] { return operators.Take(o, 1) },
			want: []string{"1", "ack 1"},
		},
		"the callback unsubscribes: acknowledged": {
			end:  func(_ *testing.T, sub *leadership.Subscription, _ func(error)) { sub.Unsubscribe() },
			want: []string{"1", "ack 1"}, err: leadership.ErrUnsubscribed,
		},
		"an operator makes an error of the value: acknowledged": {
			pipe: func(o leadership.Observable[int]) leadership.Observable[int] {
				return operators.MapErr(o, func(int) (int, error) { return 0, errBroken })
			},
			want: []string{"ack 1"}, err: errBroken,
		},
		"another goroutine unsubscribes: nacked": {
			end: func(_ *testing.T, sub *leadership.Subscription, _ func(error)) {
				go sub.Unsubscribe()
				time.Sleep(time.Second)
			},
			want: []string{"1", "nack 1"}, err: leadership.ErrUnsubscribed,
		},
		"the context ends: nacked": {
			end: func(_ *testing.T, _ *leadership.Subscription, cancel func(error)) {
				cancel(enough)
				time.Sleep(time.Second)
			},
			want: []string{"1", "nack 1"}, err: enough,
		},
		"the context ends between the broker and the subscriber: nacked": {want: []string{"nack 1"}, err: enough},
		"a callback panics: nacked": {
			end:  func(*testing.T, *leadership.Subscription, func(error)) { panic("oh") },
			want: []string{"1", "nack 1"},
		},
		"the delivery of another subscription unsubscribes: nacked": {
			end: func(t *testing.T, sub *leadership.Subscription, _ func(error)) {
				other := &broker{payloads: []string{"2"}}
				<-wmbridge.Subscribe[int](other, topic, nil).Subscribe(func(int) { sub.Unsubscribe() }).Done()
				other.is(t, "ack 2")
			},
			want: []string{"1", "nack 1"}, err: leadership.ErrUnsubscribed,
		},
	} {
		bubble(t, name, func(t *testing.T) {
			b := &broker{payloads: []string{"1", "2"}, stay: true}
			values := wmbridge.Subscribe[int](b, topic, nil)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if c.pipe != nil {
				values = c.pipe(values)
			} else if c.end == nil {
				values = operators.Map(values, func(v int) int {
					cancel(enough)
					return v
				})
			}
			subs := make(chan *leadership.Subscription, 1)
			sub := values.Subscribe(func(v int) {
				b.add("%d", v)
				if c.end != nil {
					c.end(t, <-subs, cancel)
				}
			}, leadership.WithContext(ctx))
			subs <- sub
			<-sub.Done()
			b.is(t, c.want...)
			if err := sub.Err(); c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("ended by %v", err)
			}
			b.released(t, 1)
		})
	}
}

func TestWhatIsNacked(t *testing.T) {
	bubble(t, "what comes after the end, without being read; and Unsubscribe waits until the channel is closed", func(t *testing.T) {
		var r trace
		messages := make(chan *message.Message, 3)
		s := subscriber(func(ctx context.Context) (<-chan *message.Message, error) {
			context.AfterFunc(ctx, func() {
				for v := range 3 {
					m := message.NewMessage(strconv.Itoa(v), nil)
					messages <- m
					<-m.Nacked()
				}
				time.Sleep(time.Minute)
				r.add("closed")
				close(messages)
			})
			return messages, nil
		})
		sub := traced(&r, wmbridge.Subscribe(s, topic, func([]byte) (int, error) {
			r.add("read")
			return 0, nil
		}))
		synctest.Wait()
		sub.Unsubscribe()
		r.is(t, "closed")
	})
	bubble(t, "a value that an operator keeps is acknowledged, and lost with the subscription", func(t *testing.T) {
		b := &broker{payloads: []string{"1", "2"}, stay: true}
		sub := traced(&b.trace, operators.Debounce(wmbridge.Subscribe[int](b, topic, nil), time.Hour))
		synctest.Wait()
		sub.Unsubscribe()
		b.is(t, "ack 1", "ack 2")
	})
	bubble(t, "an error of the payload comes after the channel is closed, so that a retry finds no subscription of its own", func(t *testing.T) {
		b := &broker{payloads: []string{"one"}}
		b.closing = func() {
			time.Sleep(time.Minute)
			b.add("closed")
		}
		err := wmbridge.Subscribe[int](b, topic, nil).ForEach(t.Context(), nil, leadership.OnError(func(error) { b.add("#") }))
		if !errors.Is(err, wmbridge.ErrPayload) {
			t.Errorf("ended by %v", err)
		}
		b.is(t, "nack one", "closed", "#")
	})
}

// calls writes down every call.
type calls struct{ *trace }

func (c calls) Next(v int) { c.add("%d", v) }

func (c calls) Error(err error) { c.add("#%v", err) }

func (c calls) Complete() { c.add("|") }

func TestNothingIsToldAfterTheEnd(t *testing.T) {
	for name, source := range map[string]message.Subscriber{
		"of a channel that is closed then": &broker{stay: true},
		"of a Subscribe that fails then": subscriber(func(ctx context.Context) (<-chan *message.Message, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}),
	} {
		bubble(t, name, func(t *testing.T) {
			var r trace
			first := make(chan *leadership.Scope, 1)
			sub := leadership.New(func(s *leadership.Scope, _ leadership.Observer[int]) {
				child := s.Child()
				wmbridge.Subscribe[int](source, topic, nil).SubscribeIn(child, calls{&r})
				first <- child
			}).Subscribe(nil)
			synctest.Wait()
			(<-first).End()
			synctest.Wait()
			r.is(t)
			sub.Unsubscribe()
		})
	}
}

func TestMessages(t *testing.T) {
	bubble(t, "who receives them acknowledges them, at any time", func(t *testing.T) {
		b := &broker{payloads: []string{"1", "2", "3"}}
		seen := map[string]int{}
		err := wmbridge.Messages(b, topic).ForEach(t.Context(), func(m *message.Message) {
			text := string(m.Payload)
			b.add("%s %s", m.UUID, text)
			seen[text]++
			switch {
			case text == "1":
				m.Ack()
			case text == "2" && seen[text] == 1:
				m.Nack()
			default:
				time.AfterFunc(time.Minute, func() { m.Ack() })
			}
		})
		if err != nil {
			t.Error(err)
		}
		b.is(t, "id-1 1", "ack 1", "id-2 2", "nack 2", "id-2 2", "ack 2", "id-3 3", "ack 3")
	})
	bubble(t, "one that was taken can be acknowledged after the end; one that was not is nacked", func(t *testing.T) {
		b := &broker{payloads: []string{"1"}}
		var taken *message.Message
		if err := operators.First(wmbridge.Messages(b, topic)).ForEach(t.Context(), func(m *message.Message) {
			taken = m
			go func() {
				time.Sleep(time.Second)
				taken.Ack()
			}()
		}); err != nil {
			t.Error(err)
		}
		b.is(t, "ack 1")

		b = &broker{payloads: []string{"1"}, stay: true}
		ctx, cancel := context.WithCancel(t.Context())
		messages := operators.Filter(wmbridge.Messages(b, topic), func(*message.Message) bool {
			cancel()
			return true
		})
		if err := messages.ForEach(ctx, func(*message.Message) { t.Error("delivered") }); err == nil {
			t.Error("not cancelled")
		}
		b.is(t, "nack 1")
	})
	bubble(t, "one that was acknowledged stays so, whatever ends the subscription", func(t *testing.T) {
		b := &broker{payloads: []string{"1"}, stay: true}
		sub := wmbridge.Messages(b, topic).Subscribe(func(m *message.Message) {
			m.Ack()
			panic("oh")
		})
		<-sub.Done()
		b.is(t, "ack 1")
	})
}

// TestNothingIsLost ends subscriptions at any moment, from elsewhere: whatever was acknowledged was seen.
func TestNothingIsLost(t *testing.T) {
	const n = 2000
	b := new(broker)
	for v := range n {
		b.payloads = append(b.payloads, strconv.Itoa(v))
	}
	values := wmbridge.Subscribe[int](b, topic, nil)
	seen := map[int]bool{}
	subscriptions := 0
	for completed := false; !completed; subscriptions++ {
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan struct{}, n)
		sub := values.Subscribe(func(v int) {
			seen[v] = true
			got <- struct{}{}
		}, leadership.WithContext(ctx))
		for range subscriptions % 5 {
			select {
			case <-got:
			case <-sub.Done():
			}
		}
		if subscriptions%2 == 0 {
			cancel()
		} else {
			sub.Unsubscribe()
		}
		<-sub.Done()
		cancel()
		completed = sub.Err() == nil
	}
	for v := range n {
		if !seen[v] {
			t.Errorf("%d was acknowledged, and nobody saw it", v)
		}
	}
	b.released(t, subscriptions)
}
