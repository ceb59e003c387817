// Package doctor checks what must hold in a data folder and its object store,
// whatever was killed before. It only reads, and works beside a running serve.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/storage"
)

// Options says how thorough an examination is.
type Options struct {
	Deep    bool             // read every stored object and compare it with its torrent's hashes
	Serving bool             // a control plane runs on the folder: leases must be fresh, and what is broken must stay broken for Settle
	Settle  time.Duration    // 0 means 3 s
	Now     func() time.Time // nil means time.Now
}

const defaultSettle = 3 * time.Second

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Settle == 0 {
		o.Settle = defaultSettle
	}
	return o
}

// invariant is one thing that must hold.
type invariant struct {
	number int
	title  string
	probe  probe
	needs  func(Options) string // why the options leave it out; may be nil
}

// probe looks for what breaks an invariant and names it to found. It answers what it could not look at, or "".
type probe func(x *examination, found func(Violation)) (note string, err error)

var invariants = []invariant{
	{1, "Every accepted job exists, and an idempotency key names one job", jobsExist, nil},
	{2, "A job ends at most once and takes only edges of the table", edgesAreLegal, nil},
	{3, "No job waits on a dead agent", leasesAreFresh, aServer},
	{4, "The attempts of a job never decrease", attemptsGrow, nil},
	{5, "Every object that a row names as stored is in the store", storedObjectsAreThere, nil},
	{6, "A job's events have no gap and fold to its row", eventsFold, nil},
	{7, "The bytes of every stored object equal its torrent's hashes", bytesEqualHashes, theDeepLook},
	{8, "Sizes of objects, rows and metainfo are equal", sizesAgree, nil},
	{9, "Every file has the object that it needs, and one job makes it", filesHaveObjects, nil},
	{10, "No object in the store is without a row for an hour", noOrphanObjects, nil},
	{11, "No unfinished upload in the store is without a live job for an hour", noOrphanUploads, nil},
	{12, "The storage that a job counts is that of its files", storageIsCounted, nil},
	{14, "Every mutation has a row in the audit, which is only ever added to", auditIsWhole, nil},
	{15, "Nothing of one user reaches another", contentIsOwned, nil},
}

func aServer(o Options) string {
	if o.Serving {
		return ""
	}
	return "no control plane runs here"
}

func theDeepLook(o Options) string {
	if o.Deep {
		return ""
	}
	return "needs --deep"
}

// heldByTests lists the invariants that no look at the data can tell.
var heldByTests = []Held{
	{12, "No job is taken above the limit then valid", "api", "TestParallelJobsAtTheEdgeOfAPlan"},
	{13, "A replayed report changes nothing", "dispatch", "TestReplayedReportChangesNothing"},
	{16, "Every route is in the table of roles", "api", "TestTheTableOfRolesIsThatOfTheMux"},
	{19, "No packet goes to a forbidden network", "engines/anacrolix", "TestGuardRefusesEveryWayOut"},
}

// examination is one look at everything. What several probes need is read once.
type examination struct {
	context.Context
	app   core.App
	store storage.Store
	opts  Options
	jobs  *history
	keys  *inventory
}

// Run checks every invariant. Its error says that the check itself could not be made.
// A data folder that changes meanwhile shows states that are gone a moment later;
// so with Serving, what was found is looked at again after Settle, and only what is found twice counts.
func Run(ctx context.Context, app core.App, store storage.Store, opts Options) (Result, error) {
	opts = opts.withDefaults()
	result := Result{At: opts.Now().UTC(), Deep: opts.Deep, Tests: heldByTests}
	x := &examination{Context: ctx, app: app, store: store, opts: opts}
	for _, i := range invariants {
		check, err := x.check(i)
		if err != nil {
			return result, err
		}
		result.Checks = append(result.Checks, check)
	}
	if !result.OK() && opts.Serving {
		return result, x.lookAgain(&result)
	}
	result.cap()
	return result, nil
}

func (x *examination) check(i invariant) (Check, error) {
	check := Check{Number: i.number, Title: i.title}
	if i.needs != nil {
		if check.Note = i.needs(x.opts); check.Note != "" {
			check.Skipped = true
			return check, nil
		}
	}
	var err error
	check.Note, err = i.probe(x, func(v Violation) { check.Violations = append(check.Violations, v) })
	if err != nil {
		return check, fmt.Errorf("invariant %d: %w", i.number, err)
	}
	slices.SortFunc(check.Violations, func(a, b Violation) int { return strings.Compare(a.ID, b.ID) })
	check.Count = len(check.Violations)
	return check, nil
}

// lookAgain keeps only the violations that are still there after a while.
func (x *examination) lookAgain(result *Result) error {
	timer := time.NewTimer(x.opts.Settle)
	defer timer.Stop()
	select {
	case <-x.Done():
		return x.Err()
	case <-timer.C:
	}
	second := &examination{Context: x.Context, app: x.app, store: x.store, opts: x.opts}
	for n := range result.Checks {
		if result.Checks[n].Count == 0 {
			continue
		}
		again, err := second.check(invariants[n])
		if err != nil {
			return err
		}
		result.Checks[n].keep(again)
	}
	result.cap()
	return nil
}
