package simulation_test

// mutants returns a mutant for each rule, in the order in which reactions pass through
// the code.
func mutants() []mutant {
	const producing = "./internal/kafka -run TestProducerHistories$ -histories 4000"
	const reading = "./internal/kafka -run Decode|Aborted|DoesNotFit"
	const commits = "./aggregator -run Commit|Silence|NewCombiner|ResetLost|Retention|Tail"
	const lost = "./aggregator -run Partials|GivesUp"
	return []mutant{
		// Rules of the producer, which writes reactions to the log.
		{
			rule: "a batch without an answer is sent again by the same producer", by: producing,
			patch: patch{"internal/kafka.Producer.sendUntilResolved", "doubt = true", "doubt, w.sequence.valid = true, false"},
		},
		{
			rule: "what may be written is not called not written", by: producing,
			patch: patch{"internal/kafka.Producer.sendUntilResolved", "doubt = true", ""},
		},
		{
			rule: "what is given up while in doubt is in doubt", by: producing,
			patch: patch{"internal/kafka.Producer.sendUntilResolved", "$why = stream.ErrInDoubt", ""},
		},
		{
			rule: "after a batch that was given up a new producer id is taken", by: producing,
			patch: patch{"internal/kafka.Producer.writeBatch", "$w.sequence.abandon()\n$next", "$next"},
		},
		{
			rule: "the embedded broker is not sent again what may be written", by: producing,
			patch: patch{"internal/kafka.Producer.sendUntilResolved", "$what == answerUnclear && embedded", "false"},
		},
		{
			rule: "a producer that is unknown while in doubt does not begin again", by: producing,
			patch: patch{"internal/kafka.Producer.sendUntilResolved", "$what == answerUnknownSequence && $doubt", "false"},
		},
		{
			rule: "a refusal while in doubt proves nothing", by: producing,
			patch: patch{"internal/kafka.Producer.sendUntilResolved", "$what == answerRefused && $doubt", "false"},
		},
		{
			rule: "each sequence is used once", by: producing,
			patch: patch{"internal/kafka.sequence.advance", "$s.next += $n", "$s.next += 0 * $n"},
		},
		{
			rule: "an error that says nothing may mean written", by: producing,
			patch: patch{"internal/kafka.classify", "default: return answerUnclear", "default: return answerRetriable"},
		},
		{
			rule: "a leader that moved may have written before", by: producing,
			patch: patch{"internal/kafka.Producer.sendUntilResolved", "$what == answerLeaderMoved && !embedded", "false"},
		},
		{
			rule: "no answer may mean written", by: producing,
			patch: patch{"internal/kafka.classify", "case $noAnswer: return answerUnclear", "case $noAnswer: return answerRetriable"},
		},
		{
			rule: "what is in flight cannot be taken back", by: producing,
			patch: patch{"internal/kafka.Producer.withdraw", "return false", "return true"},
		},
		{
			rule: "one batch is in flight for each partition", by: producing,
			patch: patch{
				"internal/kafka.Producer.dispatch", "$w := $first\n$p.idle = $rest",
				"$w := $first\n$p.idle = append($rest, $w)\ngo $p.runPartition(context.Background(), $w, false)",
			},
		},

		// Rules of what is read.
		{
			rule: "what a transaction took back is not read", by: reading,
			patch: patch{"internal/kafka.aborts.holds", "$first <= $last", "false"},
		},
		{
			rule: "an abort without a marker ends at a greater epoch", by: reading,
			patch: patch{"internal/kafka.aborts.holds", "$epoch != noEpoch && $later", "$epoch != noEpoch && false"},
		},
		{
			rule: "a batch with a wrong checksum is not skipped", by: reading,
			patch: patch{"internal/kafka.checkSum", "fmt.Errorf($text, $sum, $want)", "brokenf($text, $sum, $want)"},
		},
		{
			rule: "a batch is skipped for its size only if it is alone", by: reading,
			patch: patch{"internal/kafka.decoder.decode", "if out.next > offset { break }", ""},
		},
		{
			rule:  "what cannot be read moves the position to its end",
			patch: patch{"aggregator.Combiner.Advance", "max($position, $b.Next)", "max($position, $b.Next+int64(len($b.Skipped)))"},
		},
		{
			rule:  "what is none of ours stops nobody",
			patch: patch{"aggregator.Aggregator.stops", "commit || partials", "commit || partials || err != nil"},
		},
		{
			rule: "what was counted by other settings stops", by: "./aggregator -run TestReduceStops",
			patch: patch{"aggregator.Aggregator.stops", "!$a.cfg.SkipOtherMarks", "false"},
		},

		{
			rule:  "who says so passes over marks of others",
			patch: patch{"aggregator.Aggregator.stops", "!$a.cfg.SkipOtherMarks", "true"},
		},
		{
			rule: "the first mark does not decide how many partitions there are", by: "./aggregator -run TestReduceStops",
			patch: patch{"aggregator.NewReducer", "newSources($cfg.Sources, $resets)", "newSources(0, $resets)"},
		},

		// Rules of which window a record belongs to.
		{
			rule:  "a record belongs to the oldest open window when its own is closed",
			patch: patch{"internal/windowing.Windows.Assign", "$own <= closed", "false"},
		},
		{
			rule:  "a window is closed when the watermark reaches its end and the lateness",
			patch: patch{"internal/windowing.Windows.Assign", "$own <= closed", "$own < closed"},
		},
		{
			rule:  "the oldest open window is the one after the newest closed",
			patch: patch{"internal/windowing.Windows.Assign", "$closed + $length", "$closed + 2*$length"},
		},
		{
			rule:  "a window stays open for the lateness",
			patch: patch{"internal/windowing.Windows.Closed", "$watermark - $lateness", "$watermark"},
		},
		{
			rule:  "the watermark is the greatest time",
			patch: patch{"internal/windowing.Windows.Assign", "$t <= $s.Watermark", "false"},
		},
		{
			rule:  "what is no reaction does not move the watermark",
			patch: patch{"aggregator.Combiner.Add", "if $err != nil { return $other }", "if $err != nil { c.state.Watermark = max(c.state.Watermark, r.Time); return $other }"},
		},
		{
			rule:  "a far time does not move the watermark before it is confirmed",
			patch: patch{"internal/windowing.Windows.Assign", "$w.isFar($s, $t) && $bound", "false"},
		},
		{
			rule:  "a far time is one that closes the window of the watermark",
			patch: patch{"internal/windowing.Windows.isFar", "$closed >= $own", "$closed > $own"},
		},
		{
			rule:  "the next reaction confirms a far time",
			patch: patch{"internal/windowing.Windows.resolve", "!w.isLate(t, pending)", "false"},
		},
		{
			rule:  "a reaction that would be late under a far time does not confirm it",
			patch: patch{"internal/windowing.Windows.resolve", "!w.isLate(t, pending)", "true"},
		},
		{
			rule:  "a late reaction says nothing of a far time",
			patch: patch{"internal/windowing.Windows.resolve", "!w.isLate(t, s.Watermark)", "true"},
		},
		{
			rule:  "the window of a far time that is not confirmed gets no more reactions",
			patch: patch{"internal/windowing.Windows.resolve", "$s.Spent, $s.Pending = $w.Ahead($s), 0", "$s.Pending = 0"},
		},
		{
			rule: "a state is bounded", by: "./internal/windowing -run Spent",
			patch: patch{"internal/windowing.Windows.Assign", "$w.isFar($s, $t) && $bound", "$w.isFar($s, $t)"},
		},
		{
			rule:  "what is no time decides nothing",
			patch: patch{"internal/windowing.Windows.Assign", "!wire.IsTime($t)", "false"},
		},
		{
			rule:       "a spent window is sent before it is forgotten",
			patch:      patch{"aggregator.Combiner.Confirm", "$c.state.IsSpent($end) && !$w.dirty", "$c.state.IsSpent($end)"},
			equivalent: "it is due at once, so that it is part of every emission",
		},
		{
			rule: "the commit does not wait for the time of a spent window", by: "./aggregator -run Spent",
			patch: patch{"aggregator.Combiner.Confirm", "$c.state.IsSpent($end) && !$w.dirty", "false"},
		},
		{
			rule: "the commit knows the far time that is pending", by: "./aggregator -run CombinerRecovers",
			patch: patch{"aggregator.Combiner.resume", "$c.state = windowing.StateOf($m)", "$c.state = windowing.StateOf($m)\nc.state.Pending = 0"},
		},
		{
			rule: "the commit knows the windows that are spent", by: "./aggregator -run CombinerRecovers",
			patch: patch{"aggregator.Combiner.resume", "$c.state = windowing.StateOf($m)", "$c.state = windowing.StateOf($m)\nc.state.Spent = nil"},
		},
		{
			rule: "the commit knows the windows that were skipped", by: "./aggregator -run SkippedWindows",
			patch: patch{"aggregator.Combiner.resume", "$c.state = windowing.StateOf($m)", "$c.state = windowing.StateOf($m)\nc.state.Skipped = nil"},
		},

		// Rules of resets of a watermark.
		{
			rule:  "a window that was counted in is not skipped",
			patch: patch{"internal/windowing.Windows.advance", "w.counted($spent)", "nil"},
		},
		{
			rule: "the window after a spent one may have been counted in", by: "./internal/windowing -run Reset|Skipped",
			patch: patch{"internal/windowing.Windows.counted", "$r[$i][1] += $length", "$r[$i][1] += 0 * $length"},
		},
		{
			rule:  "a reset spares what the partition has counted in",
			patch: patch{"internal/windowing.Windows.Reset", "w.JoinUpTo($most, others, $own)", "w.JoinUpTo($most, others)"},
		},
		{
			rule: "a reset spares what other partitions have counted in", by: "./internal/windowing -run Reset",
			patch: patch{"internal/windowing.Windows.Reset", "w.JoinUpTo($most, others, $own)", "w.JoinUpTo($most, $own)"},
		},
		{
			rule:  "when a reset begins, reducers open windows again",
			patch: patch{"aggregator.Reducer.noteReset", "$r.closed, $r.floor = $closed, $floor", ""},
		},
		{
			rule:  "they close none before the combiner has read the reset",
			patch: patch{"aggregator.Reducer.mark", "*$s = source{$reset, $reported, $closed}", "$s.reset = $reset"},
		},
		{
			rule:  "marks of before a reset do not hold any more",
			patch: patch{"aggregator.Reducer.mark", "$m.Reset < $s.reset", "false"},
		},
		{
			rule:  "a reset that was written twice is applied once",
			patch: patch{"internal/windowing.Windows.Reset", "$s.Reset > $r.Held", "false"},
			by:    "./internal/windowing -run TestReset",
		},
		{
			rule: "a long range of skipped windows is not forgotten for short ones", by: "./internal/windowing -run Bounded",
			patch: patch{"internal/windowing.newest", "$length < $longest", "$length < 0*$longest"},
		},
		{
			rule: "marks about a topic that is gone do not hold", by: "./aggregator -run TopicThatIsGone",
			patch: patch{"aggregator.Reducer.mark", "isOther($m.TopicID, $r.topicID)", "false"},
		},
		{
			rule: "a window that is far ahead is added up at once", by: "./aggregator -run FarAhead",
			patch: patch{"aggregator.Reducer.dueAt", "$r.windows.IsFarAhead($k.end, $now)", "false"},
		},
		{
			rule: "a reducer's commit knows the resets", by: "./aggregator -run FollowsAReset",
			patch: patch{"aggregator.Reducer.Commit", "$r.resets", "nil"},
		},
		{
			rule:  "the combiner's marks tell the reset",
			patch: patch{"aggregator.Combiner.Due", "$c.state.Reset", "0"},
		},
		{
			rule:  "what a reset opens again is counted",
			patch: patch{"aggregator.Combiner.addOther", "$c.closed, $c.reported = $closed, $reported", ""},
		},
		{
			rule: "what was closed by a clock that is set back is open again", by: "./publisher -run SetBack",
			patch: patch{"publisher.Merger.followClock", "$m.closed[$i] = never", "$m.closed[$i] = end"},
		},

		{
			rule:  "nothing is dropped for being late",
			patch: patch{"aggregator.Combiner.count", "$c.late++", "$c.late++\nreturn nil"},
		},

		// Rules of partials and marks.
		{
			rule:  "a partial grows until its window is closed",
			patch: patch{"aggregator.Combiner.Confirm", "$end <= $e.mark.Closed", "$end <= $e.mark.Closed || $end+c.grace.current <= $e.at"},
		},
		{
			rule: "a partial that grew is sent again",
			patch: patch{
				"aggregator.openWindow.add", "*$n++\n$next\n$p.dirty, $w.dirty = true, true",
				"*$n++\n$next\n$p.dirty = $p.dirty || *$n == 1\n$w.dirty = $w.dirty || $p.dirty",
			},
		},
		{
			rule: "a mark follows the partials that it speaks for",
			patch: patch{
				"aggregator.Combiner.Due", "$r[$i] = append($r[$i], $mark)",
				"$r[$i] = append([]stream.Record{$mark}, $r[$i]...)",
			},
		},
		{
			rule:  "a mark calls closed what the watermark has closed",
			patch: patch{"aggregator.Combiner.Due", "$mark := $all\n$news := $any", "$mark := $all\n$mark.Closed += c.windows.Length\n$news := $any"},
		},
		{
			rule:  "a window that the watermark closes is sent at once",
			patch: patch{"aggregator.Combiner.isDue", "$end <= $c.closed", "false"},
		},
		{
			rule:  "a window is sent at its end by the clock",
			patch: patch{"aggregator.Combiner.isDue", "$end+$c.grace.current <= $now", "false"},
		},
		{
			rule: "the grace learns from what was read without a backlog", by: "./aggregator -run Grace",
			patch: patch{"aggregator.grace.add", "!$g.atEnd || $far", "$far"},
		},
		{
			rule: "a revision makes the grace longer", by: "./aggregator -run Grace",
			patch: patch{"aggregator.grace.learn", "$w.revised", "false"},
		},
		{
			rule:       "the grace follows what windows need",
			patch:      patch{"aggregator.grace.learn", "$g.current = $needed", "$g.current = 0"},
			equivalent: "the grace is a hint for latency: what comes later is sent again",
		},
		{
			rule:       "a window is reported when its partition was read to the end",
			patch:      patch{"aggregator.Combiner.Advance", "if $b.AtEnd() { $report }", "$report"},
			equivalent: "reported is a hint for latency: what comes later is sent again",
		},

		// Rules of the combiner's commit.
		{
			rule:  "the commit stays before all windows that are open",
			patch: patch{"aggregator.Combiner.Commit", "$w.first < $first", "$w.first < $first && $w.dirty"},
		},
		{
			rule: "the commit is made when the emission is acknowledged",
			patch: patch{
				"aggregator.Aggregator.Combine", "a.writePartials",
				"func(ctx context.Context, e PartialsEmission) error { c.Confirm(e); if err := claim.Offsets.Commit(ctx, c.Commit()); err != nil { return err }; return a.writePartials(ctx, e) }",
			},
		},
		{
			rule:  "the commit knows the watermark",
			patch: patch{"aggregator.Combiner.resume", "$c.state = windowing.StateOf($m)", ""},
		},
		{
			rule:  "the watermark of the commit is that at its offset",
			patch: patch{"aggregator.Combiner.Commit", "$first, $offset, $state = $w.first, $w.first, $w.state", "$first, $offset = $w.first, $w.first"},
		},
		{
			rule:       "what the commit calls closed is not emitted again",
			patch:      patch{"aggregator.Combiner.resume", "$c.closed = $meta.Closed\n$c.state = $state", "$c.state = $state"},
			equivalent: "a partial that is built again of a closed window holds part of the one known and ends no later: the reducer ignores it",
		},
		{
			rule:  "what is called closed takes no part in the assignment",
			patch: patch{"aggregator.Combiner.count", "if $end <= $c.closed { return nil }", "if $end <= $c.closed { $end = $c.closed + $c.windows.Length }"},
		},
		{
			rule: "a commit below the start of the log is refused", by: commits,
			patch: patch{"aggregator.Combiner.resume", "case $committed < $start: $problem", "case $committed < $start-1000: $problem"},
		},
		{
			rule: "a log that does not start at 0 needs a commit", by: commits,
			patch: patch{"aggregator.Combiner.resume", "$offset == stream.None && $start == 0", "$offset == stream.None"},
		},
		{
			rule: "a commit needs metadata", by: commits,
			patch: patch{"aggregator.Combiner.resume", "!$ours", "!$ours && false"},
		},
		{
			rule: "a commit of other settings is refused", by: commits,
			patch: patch{"aggregator.Combiner.resume", "$committed != $c.windows.Settings()", "false"},
		},
		{
			rule:  "after a silence it goes on where all was counted",
			patch: patch{"aggregator.Combiner.Confirm", "emitted{position: $c.position, state: $s, displaced: $d}", "emitted{position: $c.position - 1, state: $s, displaced: $d}"},
		},
		{
			rule: "after a silence it goes on only where all was counted", by: commits,
			patch: patch{"aggregator.Combiner.Confirm", "!$c.dirty()", "true"},
		},
		{
			rule: "a record of a window whose beginning is gone is not counted", by: commits,
			patch: patch{"aggregator.Combiner.isCut", "$end <= $c.cut", "false"},
		},
		{
			rule: "nor one of a window ahead whose beginning is gone", by: commits,
			patch: patch{"aggregator.Combiner.isCut", "windowing.Contains($c.cutAhead, $end)", "false"},
		},
		{
			rule: "the commit knows of which windows ahead the beginning is gone", by: commits,
			patch: patch{"aggregator.Combiner.Commit", "$meta.CutAhead = $c.windows.After($c.cutAhead, $closed)", ""},
		},
		{
			rule: "a window that took the place of a spent one is not called spent", by: commits,
			patch: patch{"aggregator.Combiner.Confirm", "emitted{position: $c.position, state: $s, displaced: $d}", "emitted{position: $c.position, state: $s}\nc.emitted.state.Spent = c.windows.Join(c.emitted.state.Spent, $d)"},
		},
		{
			rule: "the time that was pending is known where all was counted", by: commits,
			patch: patch{"aggregator.emittedOf", "windowing.State{Watermark: $w, Pending: $p, Spent: $s, Skipped: $k, Reset: $r}", "windowing.State{Watermark: $w, Spent: $s, Skipped: $k, Reset: $r}"},
		},
		{
			rule: "what was counted in a window whose beginning is gone stops nobody", by: commits,
			patch: patch{"aggregator.Combiner.addCut", "$r.Offset < $c.emitted.position", "false"},
		},
		{
			rule: "where all was counted never goes back", by: commits,
			patch: patch{"aggregator.Combiner.Confirm", "$c.position >= $c.emitted.position", "true"},
		},
		{
			rule: "what was counted of a tail that is lost is forgotten", by: commits,
			patch: patch{"aggregator.Combiner.resume", "$meta.Version > 0 && $meta.Emitted <= $end", "$meta.Version > 0"},
		},
		{
			rule: "a reaction without a time stops nobody after a silence", by: commits,
			patch: patch{"aggregator.Combiner.addCut", "!wire.IsTime($t)", "false"},
		},
		{
			rule: "a window whose beginning is gone is not called closed before its time", by: commits,
			patch: patch{"aggregator.Combiner.cutOff", "$c.cut = $end", "$c.cut = $end\nc.closed = max(c.closed, $end)"},
		},
		{
			rule: "the commit knows of which windows the beginning is gone", by: commits,
			patch: patch{"aggregator.Combiner.Commit", "$c.cut > $closed", "false"},
		},

		// Rules of the reducer.
		{
			rule:  "the wider partial wins",
			patch: patch{"aggregator.Reducer.partial", "$p.Next <= $known.Next", "$p.Next < 0"},
		},
		{
			rule:       "a partial that begins later than the one known is ignored",
			patch:      patch{"aggregator.Reducer.partial", "$p.First > $known.First || $p.First == $known.First && $rest", "$rest"},
			equivalent: "one that begins later is part of one that was emitted for the last time and ends no later, unless records are gone (--reset-lost)",
		},
		{
			rule:  "a window is closed when every partition has closed it",
			patch: patch{"aggregator.Reducer.mark", "min($byAll, $s.closed)", "max($byAll, $s.closed)"},
		},
		{
			rule:  "partials of a closed window are ignored",
			patch: patch{"aggregator.Reducer.partial", "$p.End <= $r.floor", "false"},
		},
		{
			rule:  "a count that grew is emitted again",
			patch: patch{"aggregator.Reducer.partial", "$t.dirty = true", "$t.dirty = $t.dirty || $t.emissions == 0"},
		},
		{
			rule:       "a window is emitted when a partition is silent",
			patch:      patch{"aggregator.Reducer.dueAt", "$k.end + $wait", "1 << 62"},
			equivalent: "it is about latency: once all partitions have somebody who counts them, all report",
		},
		{
			rule:  "the reducer commits before the first partials of all open windows",
			patch: patch{"aggregator.Reducer.firstPartials", "$note($k.end, $t.first)", "$note($k.end, map[bool]int64{true: $t.first, false: 1<<63 - 1}[$t.dirty])"},
		},
		{
			rule:  "the first partial of a window stays its first",
			patch: patch{"aggregator.Reducer.partial", "$t.dirty = true", "$t.dirty, $t.first = true, offset"},
		},
		{
			rule: "the reducer commits what is acknowledged",
			patch: patch{
				"aggregator.Aggregator.Reduce", "a.writeCounts",
				"func(ctx context.Context, e CountsEmission) error { r.Confirm(e); if err := claim.Offsets.Commit(ctx, r.Commit()); err != nil { return err }; return a.writeCounts(ctx, e) }",
			},
		},
		{
			rule:       "the floor travels in the metadata",
			patch:      patch{"aggregator.Reducer.resume", "$r.floor, $r.confirmedFloor, $r.closed, $r.emitted, $r.countedEmitted = $meta.Floor, $meta.Floor, $meta.Floor, $meta.Emitted, $meta.Counted", "$r.emitted, $r.countedEmitted = $meta.Emitted, $meta.Counted"},
			equivalent: "what is counted again of a closed window is smaller, and the greatest wins; the marks bring the floor back",
		},
		{
			rule:  "a reducer promises silence of what it has emitted for the last time",
			patch: patch{"aggregator.Reducer.counts", "wire.Closing{Reducer: $i, Reducers: $n, End: $r.confirmedFloor, Reopened: $o}", "wire.Closing{Reducer: $i, Reducers: $n, End: $r.floor, Reopened: $o}"},
		},
		{
			rule:  "a reducer whose group was reset begins at the log's start",
			patch: patch{"aggregator.Reducer.resume", "$r.position = $start", "_ = $start"},
		},
		{
			rule: "a partial is not added up alone when others of its window are gone", by: lost,
			patch: patch{"aggregator.Reducer.partial", "windowing.Contains($r.lost, $p.End)", "false"},
		},
		{
			rule: "the commit knows of which windows partials are gone", by: lost,
			patch: patch{"aggregator.Reducer.Commit", "$meta.Lost = $lost", ""},
		},
		{
			rule: "the commit knows which windows were open before they are read again", by: lost,
			patch: patch{"aggregator.Reducer.Commit", "openWindows($first, $r.openAtEmitted)", "openWindows($first, nil)"},
		},
		{
			rule: "partials that are gone before anything was committed are not left out without a word", by: lost,
			patch: patch{"aggregator.Reducer.resume", "$start > 0 && !$reset", "false"},
		},
		{
			rule:  "a window that was given up is read again when more has come",
			patch: patch{"aggregator.givenUp.passOver", "$w.unread, $g.unread = true, $oldest", "$w.unread, $g.unread = false, $g.unread"},
		},
		{
			rule:  "what was given up and not read again is not called closed",
			patch: patch{"aggregator.Reducer.raiseFloor", "min($r.closed, $unread)", "$r.closed"},
		},
		{
			rule:  "the commit stays before what was given up",
			patch: patch{"aggregator.Reducer.firstPartials", "$r.givenUp.each($note)", "_ = $r"},
		},
		{
			rule: "only what was emitted is given up", by: lost,
			patch: patch{"aggregator.Reducer.giveUp", "$again == nil && !$t.dirty && $older", "$again == nil && (!$t.dirty || true) && $older"},
		},

		// Rules of those who read counts.
		{
			rule:  "a publisher whose group was reset begins at the log's start",
			patch: patch{"publisher.NewMerger", "$m.position = $start", "_ = $start"},
		},
		{
			rule:  "the greatest count wins",
			patch: patch{"publisher.Merger.Add", "$c.Count > $known.Count", "$c.Count != $known.Count"},
		},
		{
			rule:  "counts of a closed window are ignored",
			patch: patch{"publisher.Merger.Add", "$m.isClosed($k)", "false"},
		},
		{
			rule:  "the publisher commits before all windows that are open",
			patch: patch{"publisher.Merger.Commit", "min($offset, $w.first)", "$offset + 0*$w.first"},
		},
		{
			rule: "the publisher commits what is acknowledged",
			patch: patch{
				"publisher.Publisher.Main", "p.writeSwarms",
				"func(ctx context.Context, e SwarmsEmission) error { m.Confirm(e); if err := claim.Offsets.Commit(ctx, m.Commit()); err != nil { return err }; return p.writeSwarms(ctx, e) }",
			},
		},
		{
			// One history in about two thousand notices too.
			rule: "the floor of a publisher lets in again what is not sent", by: "./publisher -run Merger",
			patch: patch{"publisher.Merger.Commit", "min($meta.Closed[$r], $before)", "max($meta.Closed[$r], $before)"},
		},
		{
			rule:  "a window that grew is shown again",
			patch: patch{"publisher.Merger.Add", "$w.dirty, $w.complete = true, false", "$w.dirty, $w.complete = $w.dirty || !ok, false"},
		},
		{
			rule: "a channel is not called silent between two batches of another program", by: "./publisher -run Batches",
			patch: patch{"publisher.Merger.emptyAt", "$m.pauses.patience($length, $horizon)", "$length"},
		},
		{
			rule: "a slow batch of another program is no silence", by: "./publisher -run Batches",
			patch: patch{"publisher.pauses.patience", "max($pauses, leastPatience)", "$pauses"},
		},
		{
			rule: "long windows of another program are waited for", by: "./publisher -run LongWindows",
			patch: patch{"publisher.pauses.patience", "max($horizon, 2*$length)", "$horizon"},
		},
		{
			rule: "pauses are told by times that can be", by: "./publisher -run ForeignTimes",
			patch: patch{"publisher.Merger.begin", "recordTime($r.Time, $now)", "$r.Time"},
		},
		{
			rule: "the windows of our reducers tell nothing of the pauses of another program", by: "./publisher -run Silences",
			patch: patch{"publisher.Merger.begin", "!$before.complete", "true"},
		},
		{
			rule:       "a swarm of a smaller total is not passed on",
			patch:      patch{"publisher.greatestTotals.grows", "$s.Total <= $known", "$s.Total < min($known, 0)"},
			equivalent: "readers take the greatest total: what is passed on twice is a waste",
		},
		{
			rule:  "copies are committed when they are written",
			patch: patch{"publisher.copier.advanceCommit", "$c.queues.written($position)", "$position"},
		},
	}
}
