package operators_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadership-go/leadership"
	"github.com/leadership-go/leadership/internal/marble"
	"github.com/leadership-go/leadership/operators"
)

type (
	message  = leadership.ElectionMessage
	messages = leadership.Observable[message]
)

// statuses are the letters that stand for messages in diagrams: f and F open the terms 1 and 2, r and R close them.
var statuses = map[string]message{
	"e": {Status: leadership.StatusElected, Term: 1},
	"f": {Status: leadership.StatusElectedFirst, Term: 1},
	"F": {Status: leadership.StatusElectedFirst, Term: 2},
	"n": {Status: leadership.StatusNotElected},
	"r": {Status: leadership.StatusRelegation, Term: 1},
	"R": {Status: leadership.StatusRelegation, Term: 2},
	"x": {Status: leadership.StatusError, Err: marble.ErrMarble},
}

// elections has op see letters as messages, and turns what it emits into letters again.
func elections(op func(messages) messages) func(stream) stream {
	return func(s stream) stream {
		return operators.Map(op(toMessages(s)), func(m message) string {
			for letter, like := range statuses {
				if like.Status == m.Status && like.Term == m.Term {
					return letter
				}
			}
			return m.String()
		})
	}
}

func toMessages(s stream) messages {
	return operators.Map(s, func(letter string) message { return statuses[letter] })
}

func TestOfStatus(t *testing.T) {
	some := elections(func(m messages) messages {
		return operators.OfStatus(m, leadership.StatusNotElected, leadership.StatusError)
	})
	spec(t, some, "-n-(ef)-x-(nr)|", "-n---x-n|")
	spec(t, some, "-e-#", "---#")
	spec(t, elections(func(m messages) messages { return operators.OfStatus(m) }), "-e-|", "---|")
}

func TestEdges(t *testing.T) {
	spec(t, elections(operators.Edges), "-n-(ef)-e-e-(nr)-n-|", "---f-----r---|")
	spec(t, elections(operators.Edges), "-f-x-#", "-f---#")
}

func TestLeaderChanges(t *testing.T) {
	a, b := &leadership.Vote{ServiceID: "a"}, &leadership.Vote{ServiceID: "b"}
	told := map[string]message{
		"0": {Status: leadership.StatusNotElected},
		"a": {Status: leadership.StatusNotElected, Vote: a, Term: 5},
		"A": {Status: leadership.StatusElectedFirst, Vote: &leadership.Vote{ServiceID: "a"}, Term: 6},
		"b": {Status: leadership.StatusNotElected, Vote: b},
		"r": {Status: leadership.StatusRelegation, Vote: b, Term: 6},
		"x": {Status: leadership.StatusError, Err: marble.ErrMarble},
		"?": {Status: "unheard of"},
	}
	changes := func(s stream) stream {
		votes := operators.LeaderChanges(operators.Map(s, func(letter string) message { return told[letter] }))
		return operators.Map(votes, func(v *leadership.Vote) string {
			if v == nil {
				return "0"
			}
			return v.ServiceID
		})
	}
	spec(t, changes, "-0-0-|", "-0---|")
	spec(t, changes, "-x-0-a-x-a-A-(br)-0-a|", "---0-a-------b-0-a|")
	spec(t, changes, "-a-#", "-a-#")
	spec(t, changes, "-x|", "--|")
}

// leading plays a diagram while the member leads.
func leading(work string) func(stream) stream {
	return func(s stream) stream {
		return operators.WhileLeading(toMessages(s), func(uint64) stream { return marble.Source(work) })
	}
}

func TestWhileLeading(t *testing.T) {
	spec(t, leading("-1-2-3-4"), "--f-----r---F-|", "---1-2-3-----1|")
	t.Run("a stream that has completed is not begun again in its term", func(t *testing.T) {
		spec(t, leading("-1|"), "-f-f-e-r-F----|", "--1-------1---|")
	})
	t.Run("errors of either end all", func(t *testing.T) {
		spec(t, leading("-1#"), "-f----", "--1#")
		spec(t, leading("-1-2-"), "-f-#", "--1#")
	})
	t.Run("what the member tells besides changes nothing", func(t *testing.T) {
		spec(t, leading("-1-2-3"), "-n(ef)xe-f-r|", "---1-2-3-|")
	})
	t.Run("no term outlives the stream that would tell of its end", func(t *testing.T) {
		spec(t, leading("-1-2-3-4-5"), "-f---|", "--1-2|")
	})
	t.Run("the notelected before a relegation ends the term", func(t *testing.T) {
		spec(t, leading("-1-2-3"), "-f-n--|", "--1---|")
	})
	t.Run("a new term ends one whose relegation was missed", func(t *testing.T) {
		spec(t, leading("-1-2-3"), "-f-F---|", "--1-1-2|")
	})
	t.Run("work learns its fencing token", func(t *testing.T) {
		tokens := func(s stream) stream {
			return operators.WhileLeading(toMessages(s), func(term uint64) stream { return leadership.Just(fmt.Sprint(term)) })
		}
		spec(t, tokens, "-f-r-F-R|", "-1---2--|")
	})
	t.Run("the stream lives from elected.first to relegation, though it keeps Subscribe busy", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var lives []int
			work := func(uint64) stream {
				return leadership.New(func(s *leadership.Scope, out leadership.Observer[string]) {
					lives = append(lives, int(time.Since(began).Round(marble.Frame)/marble.Frame))
					<-s.Context().Done()
					lives = append(lives, int(time.Since(began).Round(marble.Frame)/marble.Frame))
					out.Next("too late")
				})
			}
			err := operators.WhileLeading(toMessages(marble.Source("-f---r--F-R----|")), work).ForEach(t.Context(), func(v string) { t.Error(v) })
			if err != nil || !slices.Equal(lives, []int{1, 5, 8, 10}) {
				t.Errorf("%v, lived %v", err, lives)
			}
		})
	})
	t.Run("what waits for a busy subscriber is void after the relegation", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			// The first term's value keeps the subscriber busy while the second term comes and goes, and the third begins.
			var heard []uint64
			work := func(term uint64) leadership.Observable[uint64] { return leadership.Just(term) }
			o := operators.WhileLeading(operators.Map(marble.Source("-1-0-2-0-3-----------|"), func(v string) message {
				if v == "0" {
					return statuses["r"]
				}
				return message{Status: leadership.StatusElectedFirst, Term: uint64(v[0] - '0')}
			}), work)
			err := o.ForEach(t.Context(), func(term uint64) {
				heard = append(heard, term)
				if term == 1 {
					time.Sleep(12 * marble.Frame)
				}
			})
			if err != nil || !slices.Equal(heard, []uint64{1, 3}) {
				t.Errorf("heard %v, %v", heard, err)
			}
		})
	})
}

func debouncedEdges(frames int) func(stream) stream {
	return elections(func(m messages) messages { return operators.DebounceEdges(m, time.Duration(frames)*marble.Frame) })
}

func TestDebounceEdges(t *testing.T) {
	spec(t, debouncedEdges(3), "-f-r---f-----r-|", "----------f--r-|")
	spec(t, debouncedEdges(3), "-n-n-n----n-|", "--------n---(n|)")
	spec(t, debouncedEdges(3), "-(ef)---e--(nr)|", "----(ef)---(nr)|")
	t.Run("of a flap only what is so in the end is seen", func(t *testing.T) {
		spec(t, debouncedEdges(3), "-(ef)-(nr)----|", "------n-|")
	})
	t.Run("repeated heartbeats do not put an edge off", func(t *testing.T) {
		spec(t, debouncedEdges(3), "-(ef)eeee", "----(ef)---e")
	})
	t.Run("errors pass at once", func(t *testing.T) {
		spec(t, debouncedEdges(3), "-f-x--#", "---xf-#")
	})
	t.Run("what is pending in the end", func(t *testing.T) {
		spec(t, debouncedEdges(3), "-(ef)|", "--(ef|)")
		spec(t, debouncedEdges(3), "-(ef)#", "--(e#)")
	})
	t.Run("no relegation is kept back that closes a term which was shown, and none that closes an unknown one", func(t *testing.T) {
		spec(t, debouncedEdges(3), "-r-|", "-r-|")
		spec(t, debouncedEdges(3), "-f----F-R|", "----f---R|")
	})
	t.Run("failure 23: nobody is told of the end of a term without having been told of its beginning", func(t *testing.T) {
		spec(t, debouncedEdges(2), "-(ef)(nr)(ef)(nr)(ef)----(nr)|", "-------(ef)--(nr)|")
	})
	spec(t, debouncedEdges(0), "-(ef)-r|", "-(ef)-r|")
}

func ExampleOfStatus() {
	messages := leadership.Just(
		leadership.ElectionMessage{Status: leadership.StatusElected},
		leadership.ElectionMessage{Status: leadership.StatusElectedFirst},
		leadership.ElectionMessage{Status: leadership.StatusElected},
	)
	show(operators.OfStatus(messages, leadership.StatusElectedFirst))
	// Output: ElectionMessage(status=elected.first, vote=null, error=null) |
}

func ExampleEdges() {
	messages := leadership.Just(
		leadership.ElectionMessage{Status: leadership.StatusElected},
		leadership.ElectionMessage{Status: leadership.StatusElectedFirst},
		leadership.ElectionMessage{Status: leadership.StatusNotElected},
		leadership.ElectionMessage{Status: leadership.StatusRelegation, Err: leadership.ErrKeyLost},
	)
	operators.Edges(messages).Subscribe(func(m leadership.ElectionMessage) { fmt.Println(m.Status, m.Err) })
	// Output:
	// elected.first <nil>
	// relegation leadership: key lost
}

func ExampleLeaderChanges() {
	first, second := &leadership.Vote{ServiceID: "node-1"}, &leadership.Vote{ServiceID: "node-2"}
	messages := leadership.Just(
		leadership.ElectionMessage{Status: leadership.StatusNotElected, Vote: first},
		leadership.ElectionMessage{Status: leadership.StatusNotElected, Vote: first},
		leadership.ElectionMessage{Status: leadership.StatusNotElected},
		leadership.ElectionMessage{Status: leadership.StatusElected, Vote: second},
	)
	operators.LeaderChanges(messages).Subscribe(func(v *leadership.Vote) {
		if v == nil {
			fmt.Println("nobody")
			return
		}
		fmt.Println(v.ServiceID)
	})
	// Output:
	// node-1
	// nobody
	// node-2
}

func ExampleWhileLeading() {
	messages := leadership.Create(func(s *leadership.Scope, out leadership.Observer[leadership.ElectionMessage]) {
		out.Next(leadership.ElectionMessage{Status: leadership.StatusElectedFirst, Term: 7})
	})
	work := operators.WhileLeading(messages, func(term uint64) leadership.Observable[string] {
		return leadership.Just(fmt.Sprintf("a job, fenced by %d", term))
	})
	for job, err := range work.Seq(context.Background()) {
		fmt.Println(job, err)
		break
	}
	// Output: a job, fenced by 7 <nil>
}

func ExampleDebounceEdges() {
	// Elected, and relegated right after: the application need not know.
	messages := leadership.Just(
		leadership.ElectionMessage{Status: leadership.StatusElected},
		leadership.ElectionMessage{Status: leadership.StatusElectedFirst},
		leadership.ElectionMessage{Status: leadership.StatusNotElected},
		leadership.ElectionMessage{Status: leadership.StatusRelegation},
	)
	calm := operators.DebounceEdges(messages, 200*time.Millisecond)
	calm.Subscribe(func(m leadership.ElectionMessage) { fmt.Println(m.Status) })
	// Output: notelected
}
