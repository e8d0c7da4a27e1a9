package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// timingTest is what -only says to ask whether answers tell by their time who has an account; the name of a question may
// follow it.
const timingTest = "timing"

const (
	timingSamples = 250  // of each side
	timingShuffle = 2000 // random relabellings that say what chance does
	timingLevel   = 0.001
	// A test that sees everything would fail on a difference that nobody can use: over a network, with the noise that other
	// people's requests make, hundreds of thousands of tries are needed to see one of this size, and lock-outs end them.
	timingMatters = 100 * time.Microsecond
)

// question is one thing that must not be answered by time: does the subject exist?
type question struct {
	name string
	// ask sends one request about an account and returns how long its answer took.
	ask func(ctx context.Context, t *target, email string) (time.Duration, error)
}

var questions = []question{
	{"login with a wrong password", func(ctx context.Context, t *target, email string) (time.Duration, error) {
		body := `{"method":"password","identifier":"` + email + `","password":"` + random() + `"}`
		return t.timed(ctx, "login", body, http.StatusBadRequest)
	}},
	{"recovery", func(ctx context.Context, t *target, email string) (time.Duration, error) {
		return t.timed(ctx, "recovery", `{"method":"code","email":"`+email+`"}`, http.StatusOK)
	}},
	{"registration", func(ctx context.Context, t *target, email string) (time.Duration, error) {
		body := `{"method":"password","password":"` + random() + `","traits":{"email":"` + email + `"}}`
		return t.timed(ctx, "registration", body, http.StatusOK)
	}},
	{"verification", func(ctx context.Context, t *target, email string) (time.Duration, error) {
		return t.timed(ctx, "verification", `{"method":"code","email":"`+email+`"}`, http.StatusOK)
	}},
}

// timed submits to a flow of its own and measures the submission alone.
func (t *target) timed(ctx context.Context, kind, body string, want int) (time.Duration, error) {
	f, err := t.begin(ctx, kind)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = t.call(ctx, http.MethodPost, f.UI.Action, body, want, nil)
	return time.Since(began), err
}

// timing asks each question about people who have an account and about people who have none, in turn and in random order,
// and fails when the answers' times differ by more than chance makes them differ. only is a part of the questions' names.
func timing(ctx context.Context, t *target, only string) error {
	persons, err := t.people(ctx, 16)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s: known and unknown accounts, %d samples each, one at a time\n\n", t.database.name, timingSamples)
	fmt.Println("| question | known, median | unknown, median | difference of trimmed means | by chance up to | p of the means | p of the ranks | verdict |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|---|")
	var told error
	for _, q := range questions {
		if !strings.Contains(q.name, only) {
			continue
		}
		known, unknown, err := interleaved(ctx, t, q, persons)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		c := compare(known, unknown)
		verdict := "cannot be told apart"
		if c.tells() {
			verdict = "TELLS who has an account"
			told = errors.Join(told, fmt.Errorf("%s tells by its time who has an account", q.name))
		}
		fmt.Printf("| %s | %s | %s | %s | %s | %.3f | %.3f | %s |\n", q.name, median(known).Round(time.Microsecond),
			median(unknown).Round(time.Microsecond), c.difference.Round(time.Microsecond), c.chance.Round(time.Microsecond),
			c.byMeans, c.byRanks, verdict)
	}
	return told
}

// interleaved takes the samples in pairs, of which chance decides the order, so that whatever else happens on the machine
// happens to both sides.
func interleaved(ctx context.Context, t *target, q question, persons []person) (known, unknown []time.Duration, err error) {
	const warm = 20
	for i := range timingSamples + warm {
		pair := []string{persons[i%len(persons)].email, newEmail()}
		var took [2]time.Duration
		first := rand.IntN(2)
		for _, side := range []int{first, 1 - first} {
			if took[side], err = q.ask(ctx, t, pair[side]); err != nil {
				return nil, nil, err
			}
		}
		if i >= warm {
			known, unknown = append(known, took[0]), append(unknown, took[1])
		}
	}
	return known, unknown, nil
}

// comparison is what two sets of times, taken in pairs, say.
type comparison struct {
	difference time.Duration // of the trimmed means, known minus unknown
	medians    time.Duration // their difference, known minus unknown
	chance     time.Duration // what 999 of 1000 relabellings stay below
	byMeans    float64       // how often chance alone gives such a difference of the means
	byRanks    float64       // and such a sum of ranks (Mann-Whitney)
}

// tells needs a difference that is neither chance's nor too small to be used, in the means or in the ranks: means see a
// difference in size, ranks one that hides below a heavy tail.
func (c comparison) tells() bool {
	return c.byMeans < timingLevel && c.difference.Abs() > timingMatters || c.byRanks < timingLevel && c.medians.Abs() > timingMatters
}

func compare(known, unknown []time.Duration) comparison {
	c := comparison{
		difference: trimmedMean(known) - trimmedMean(unknown), medians: median(known) - median(unknown), byRanks: mannWhitney(known, unknown),
	}
	// Were the sides alike, exchanging the two of a pair would change nothing: so the differences after many random
	// exchanges are those that chance makes.
	a, b := slices.Clone(known), slices.Clone(unknown)
	by := make([]time.Duration, timingShuffle)
	beyond := 1 // the measurement itself is one of the relabellings
	for i := range by {
		for j := range a {
			if rand.IntN(2) == 0 {
				a[j], b[j] = b[j], a[j]
			}
		}
		by[i] = (trimmedMean(a) - trimmedMean(b)).Abs()
		if by[i] >= c.difference.Abs() {
			beyond++
		}
	}
	slices.Sort(by)
	c.chance = by[int(float64(len(by))*(1-timingLevel))]
	c.byMeans = float64(beyond) / float64(timingShuffle+1)
	return c
}

// trimmedMean is the mean without the tenth at each end, which the machine's other work makes.
func trimmedMean(all []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(all))
	s = s[len(s)/10 : len(s)-len(s)/10]
	var sum time.Duration
	for _, d := range s {
		sum += d
	}
	return sum / time.Duration(len(s))
}

func median(all []time.Duration) time.Duration { return slices.Sorted(slices.Values(all))[len(all)/2] }

// mannWhitney returns how often two sets of one distribution differ in their ranks as much as these do, by the normal
// approximation, which is good from some twenty samples on.
func mannWhitney(a, b []time.Duration) float64 {
	type sample struct {
		took  time.Duration
		first bool
	}
	all := make([]sample, 0, len(a)+len(b))
	for _, d := range a {
		all = append(all, sample{d, true})
	}
	for _, d := range b {
		all = append(all, sample{d, false})
	}
	slices.SortFunc(all, func(x, y sample) int { return cmp.Compare(x.took, y.took) })
	sum := 0.0
	for i, s := range all { // clocks count nanoseconds: ties are too rare to matter
		if s.first {
			sum += float64(i + 1)
		}
	}
	n, m := float64(len(a)), float64(len(b))
	u := sum - n*(n+1)/2
	z := (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}
