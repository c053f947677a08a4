package simulation_test

// The files that keep the rules.
const (
	windows   = "aggregator/window.go"
	combiner  = "aggregator/combiner.go"
	reducer   = "aggregator/reducer.go"
	shells    = "aggregator/aggregator.go"
	merger    = "publisher/merge.go"
	publishes = "publisher/publisher.go"
	copies    = "publisher/cluster.go"
	producer  = "internal/kafka/producer.go"
)

// mutants are the rules, in the data's order.
func mutants() []mutant {
	const producing = "./internal/kafka -run TestProducerHistories$ -histories 4000"
	const commits = "./aggregator -run Commit|Silence|NewCombiner|ResetLost"
	return []mutant{
		// Into the log.
		{
			rule: "a batch without an answer is sent again by the same producer", file: producer, by: producing,
			old: "doubt = true\n", new: "doubt, l.hasPID = true, false\n",
		},
		{
			rule: "what may be written is not called not written", file: producer, by: producing,
			old: "doubt = true\n", new: "",
		},
		{
			rule: "what is given up while in doubt is in doubt", file: producer, by: producing,
			old: "if doubt {\n\t\t\t\twhy = stream.ErrInDoubt", new: "if doubt && raw == nil {\n\t\t\t\twhy = stream.ErrInDoubt",
		},
		{
			rule: "after a batch that was given up a new producer id is taken", file: producer, by: producing,
			old: "if err != nil {\n\t\tl.hasPID = false\n", new: "if err != nil {\n",
		},
		{
			rule: "the embedded broker is not sent again what may be written", file: producer, by: producing,
			old: "what == unknown && embedded:", new: "what == unknown && embedded && raw == nil:",
		},
		{
			rule: "who is a stranger while in doubt does not begin again", file: producer, by: producing,
			old: "what == refused && doubt, what == stranger && doubt,", new: "what == refused && doubt,",
		},
		{
			rule: "a refusal while in doubt proves nothing", file: producer, by: producing,
			old: "what == refused && doubt, what == stranger && doubt,", new: "what == stranger && doubt,",
		},
		{
			rule: "each sequence is used once", file: producer, by: producing,
			old: "l.sequence += int32(len(records))", new: "l.sequence += 0 * int32(len(records))",
		},
		{
			rule: "an error that says nothing may mean written", file: producer, by: producing,
			old: "default: // timed out, too few replicas after the append, or an error that we do not know\n\t\treturn unknown", new: "default:\n\t\treturn later",
		},
		{
			rule: "no answer may mean written", file: producer, by: producing,
			old: "case !errors.As(err, &k):\n\t\treturn unknown", new: "case !errors.As(err, &k):\n\t\treturn later",
		},
		{
			rule: "what is in flight cannot be taken back", file: producer, by: producing,
			old: "if i < 0 {\n\t\treturn false\n\t}", new: "if i < 0 {\n\t\treturn true\n\t}",
		},
		{
			rule: "one batch is in flight for each partition", file: producer, by: producing,
			old: "p.idle = slices.Delete(p.idle, 0, 1)", new: "p.idle = append(slices.Delete(p.idle, 0, 1), l)\n\t\tgo p.runLane(context.Background(), l, false)",
		},

		// Which window a record belongs to.
		{
			rule: "a record belongs to the oldest open window when its own is closed", file: windows,
			old: "end <= closed {", new: "false {",
		},
		{
			rule: "a window is closed when the watermark reaches its end and the lateness", file: windows,
			old: "end <= closed {", new: "end < closed {",
		},
		{
			rule: "the oldest open window is the one after the newest closed", file: windows,
			old: "return closed + w.Length, true", new: "return closed + 2*w.Length, true",
		},
		{
			rule: "a window stays open for the lateness", file: windows,
			old: "w.floor(watermark - w.Lateness)", new: "w.floor(watermark)",
		},
		{
			rule: "the watermark is the greatest time", file: combiner,
			old: "if t > c.watermark {", new: "if t > c.watermark || len(value) > 0 {",
		},
		{
			rule: "the watermark that decides is that before the record", file: combiner,
			old: "c.windows.Assign(t, c.watermark)", new: "c.windows.Assign(t, max(t, c.watermark))",
			equivalent: "a record's own time never closes its own window, which ends after it, and it is not late then",
		},
		{
			rule: "nothing is dropped for being late", file: combiner,
			old: "c.late++", new: "c.late++\n\t\treturn",
		},

		// Partials and marks.
		{
			rule: "a partial grows until its window is closed", file: combiner,
			old: "if end <= e.mark.Closed {", new: "if end <= e.mark.Closed || end+c.grace <= e.at {",
		},
		{
			rule: "a partial that grew is sent again", file: combiner,
			old: "t.dirty, w.dirty = true, true", new: "t.dirty = t.dirty || *n == 1\n\tw.dirty = w.dirty || t.dirty",
		},
		{
			rule: "a mark follows the partials that it speaks for", file: combiner,
			old: "e.Records[r] = append(e.Records[r], stream.Record{Time: now, Value: value})",
			new: "e.Records[r] = append([]stream.Record{{Time: now, Value: value}}, e.Records[r]...)",
		},
		{
			rule: "a mark calls closed what the watermark has closed", file: combiner,
			old: "Reported: c.reported, Closed: c.closed,", new: "Reported: c.reported, Closed: c.closed + c.windows.Length,",
		},
		{
			rule: "a window that the watermark closes is sent at once", file: combiner,
			old: "return w.end <= c.closed || w.end+c.grace <= now", new: "return w.end+c.grace <= now",
		},
		{
			rule: "a window is sent at its end by the clock", file: combiner,
			old: "return w.end <= c.closed || w.end+c.grace <= now", new: "return w.end <= c.closed",
		},
		{
			rule: "a window is reported when its partition was read to the end", file: combiner,
			old: "if atEnd {", new: "if atEnd || c.position >= 0 {",
			equivalent: "reported is a hint for latency: what comes later is sent again",
		},

		// The combiner's commit.
		{
			rule: "the commit stays before all windows that are open", file: combiner,
			old: "if w.first < first {", new: "if w.first < first && w.dirty {",
		},
		{
			rule: "the commit is made when the emission is acknowledged", file: shells,
			old: "for partition, records := range e.Records {",
			new: "c.Confirm(e)\n\t\tif err := claim.Offsets.Commit(ctx, c.Commit()); err != nil {\n\t\t\treturn err\n\t\t}\n\t\tfor partition, records := range e.Records {",
		},
		{
			rule: "the commit knows the watermark", file: combiner,
			old: "c.watermark, c.closed = meta.Watermark, meta.Closed", new: "c.closed = meta.Closed",
		},
		{
			rule: "the watermark of the commit is that at its offset", file: combiner,
			old: "first, offset, meta.Watermark = w.first, w.first, w.watermark", new: "first, offset = w.first, w.first",
		},
		{
			rule: "what the commit calls closed is not emitted again", file: combiner,
			old: "c.watermark, c.closed = meta.Watermark, meta.Closed", new: "c.watermark = meta.Watermark",
			equivalent: "a partial that is built again of a closed window holds part of the one known and ends no later: the reducer ignores it",
		},
		{
			rule: "what is called closed takes no part in the assignment", file: combiner,
			old: "if end <= c.closed {\n\t\treturn", new: "if end <= c.closed {\n\t\tend = c.closed + c.windows.Length",
		},
		{
			rule: "a commit below the start of the log is refused", file: combiner,
			old: "case commit.Offset < start:", new: "case commit.Offset < start-1000:", by: commits,
		},
		{
			rule: "a log that does not start at 0 needs a commit", file: combiner,
			old: "case commit.Offset == stream.None && start == 0:", new: "case commit.Offset == stream.None:", by: commits,
		},
		{
			rule: "a commit needs metadata", file: combiner,
			old: "err != nil || meta.Version != wire.FormatVersion {", new: "err != nil && meta.Version != wire.FormatVersion {", by: commits,
		},
		{
			rule: "a commit of other settings is refused", file: combiner,
			old: "meta.Settings != cfg.Windows.Settings()", new: "false", by: commits,
		},
		{
			rule: "after a silence it goes on where all was counted", file: combiner,
			old: "if !c.dirty() {\n\t\tc.counted, c.newest = c.position, c.watermark", new: "if !c.dirty() {\n\t\tc.counted, c.newest = c.position-1, c.watermark",
		},
		{
			rule: "after a silence it goes on only where all was counted", file: combiner,
			old: "if !c.dirty() {\n\t\tc.counted", new: "if c.position >= 0 {\n\t\tc.counted", by: commits,
		},

		// The reducer.
		{
			rule: "the wider partial wins", file: reducer,
			old: "p.First == known.First && p.Next <= known.Next)", new: "p.First == known.First && p.Next < 0)",
		},
		{
			rule: "a partial that begins later than the one known is ignored", file: reducer,
			old: "p.First > known.First || p.First == known.First && p.Next <= known.Next", new: "p.Next <= known.Next",
			equivalent: "one that begins later is part of one that was emitted for the last time and ends no later, unless records are gone (--reset-lost)",
		},
		{
			rule: "a window is closed when every partition has closed it", file: reducer,
			old: "all = min(all, s.closed)", new: "all = max(all, s.closed)",
		},
		{
			rule: "partials of a closed window are ignored", file: reducer,
			old: "if p.End <= r.floor {", new: "if p.End <= r.floor && offset < 0 {",
		},
		{
			rule: "a count that grew is emitted again", file: reducer,
			old: "t.parts[p.Partition] = p\n\tt.dirty = true", new: "t.parts[p.Partition] = p\n\tt.dirty = t.dirty || t.emitted == 0",
		},
		{
			rule: "a window is emitted when a partition is silent", file: reducer,
			old: "return k.end + patience.Milliseconds()", new: "return math.MaxInt64 / 2",
			equivalent: "it is about latency: once all partitions have somebody who counts them, all report",
		},
		{
			rule: "the reducer commits before the first partials of all open windows", file: reducer,
			old: "if t.first < first {", new: "if t.first < first && t.dirty {",
		},
		{
			rule: "the first partial of a window stays its first", file: reducer,
			old: "t.parts[p.Partition] = p\n", new: "t.parts[p.Partition], t.first = p, offset\n",
		},
		{
			rule: "the reducer commits what is acknowledged", file: shells,
			old: "if err := a.write(ctx, e); err != nil {",
			new: "r.Confirm(e)\n\t\t\tif err := claim.Offsets.Commit(ctx, r.Commit()); err != nil {\n\t\t\t\treturn err\n\t\t\t}\n\t\t\tif err := a.write(ctx, e); err != nil {",
		},
		{
			rule: "the floor travels in the metadata", file: reducer,
			old: "r.floor, r.promised, r.reduced = meta.Floor, meta.Floor, meta.Reduced", new: "r.reduced = meta.Reduced",
			equivalent: "what is counted again of a closed window is smaller, and the greatest wins; the marks bring the floor back",
		},
		{
			rule: "a reducer promises silence of what it has emitted for the last time", file: reducer,
			old: "End: r.promised}", new: "End: r.floor}",
		},

		// Readers of counts.
		{
			rule: "the greatest count wins", file: merger,
			old: "!ok || c.Count > old.Count {", new: "!ok || c.Count != old.Count {",
		},
		{
			rule: "counts of a closed window are ignored", file: merger,
			old: "if m.isClosed(k) {\n\t\t\treturn nil", new: "if m.isClosed(k) && r.Offset < 0 {\n\t\t\treturn nil",
		},
		{
			rule: "the publisher commits before all windows that are open", file: merger,
			old: "offset = min(offset, w.first)", new: "offset = min(offset, m.position)",
		},
		{
			rule: "the publisher commits what is acknowledged", file: publishes,
			old: "if err := p.toClusters(ctx, due); err != nil {",
			new: "m.Sent(due)\n\t\t\tif err := claim.Offsets.Commit(ctx, m.Commit()); err != nil {\n\t\t\t\treturn err\n\t\t\t}\n\t\t\tif err := p.toClusters(ctx, due); err != nil {",
		},
		{
			rule: "the floor of a publisher lets in again what is not sent", file: merger,
			old: "meta.Closed[r] = min(meta.Closed[r], k.end-1)", new: "meta.Closed[r] = max(meta.Closed[r], k.end-1)",
		},
		{
			rule: "a window that grew is shown again", file: merger,
			old: "w.dirty, w.whole = true, false", new: "w.dirty, w.whole = w.dirty || !ok, false",
		},
		{
			rule: "a swarm of a smaller total is not passed on", file: copies,
			old: "ok && s.Total <= known {", new: "ok && s.Total < min(known, 0) {",
			equivalent: "readers take the greatest total: what is passed on twice is a waste",
		},
		{
			rule: "copies are committed when they are written", file: copies,
			old: "if next := out.done(position); next > committed {", new: "if next := position; next > committed {",
		},
	}
}
