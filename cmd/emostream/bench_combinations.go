package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// checkCombinations refuses flags of bench that say nothing beside the others, and values
// that the run would not be made with. told is as given, but without what --again takes
// from a report: that run was made, whatever said nothing in it.
func (f *benchFlags) checkCombinations(given, told func(string) bool) error {
	if name := f.zero(); name != "" {
		return usagef("--%s 0: more than 0 is wanted", name)
	}
	if f.Stages != "" && f.Burst != "" || f.Stages+f.Burst != "" && f.Rate != 0 && given("rate") {
		return usagef("--rate, --stages and --burst each say how much is sent when: give one")
	}
	if told("duration") {
		switch {
		case f.Stages != "" && told("stages"):
			return usagef("--duration goes with a rate or with --burst: leave it out, since --stages says how long to send")
		case f.replay != "" && told("replay") && f.Stages+f.Burst == "" && !given("rate"):
			return usagef("--duration goes with a rate or with --burst: leave it out, since --replay sends as long as was recorded, or give --rate")
		}
	}
	if f.publish.PostURL == "" {
		return refuseGiven(told, "goes with --post-url, another service, which is not given", "stream-url", "post-body", "post-type", "match")
	}
	switch {
	case given("server"):
		return usagef("--server and --post-url are two targets: give one")
	case f.Batch > 1:
		return usagef("--batch is for a server of Emostream: leave it out, since a request to --post-url is one event")
	case f.Channels > 1:
		return usagef("--channels is for a server of Emostream: leave it out, since --post-url and --stream-url say where events go")
	case len(f.publish.StreamURLs) > 0:
		return nil
	}
	audience := map[string]bool{"arrive": f.Arrive > 0, "slow": f.Slow != "", "stalled": f.Stalled > 0, "mute": f.Mute > 0, "churn": f.Churn > 0, "listeners": f.Listeners > 1, "match": f.publish.Match != ""}
	there := func(name string) bool { return audience[name] && told(name) }
	return refuseGiven(there, "goes with --stream-url, what is listened to, which is not given", "match", "arrive", "slow", "stalled", "mute", "churn", "listeners")
}

// toldHere returns a function that says whether a flag is on the command line or in a
// scenario, and not only in the report that --again repeats.
func toldHere(cmd *cobra.Command) func(name string) bool {
	return func(name string) bool {
		here := func(name string) bool { return originOf(cmd.Flag(name)).Kind == fromFlag }
		if name == "duration" && (here("stages") || here("replay")) { // they take the place of what a scenario says
			return here(name)
		}
		return here(name) || given(cmd)(name) && cmd.Flag("again").Value.String() == ""
	}
}

// refuseGiven returns an error if one of some flags is given, and tells why it is refused.
func refuseGiven(given func(string) bool, why string, names ...string) error {
	if i := slices.IndexFunc(names, given); i >= 0 {
		return usagef("--%s %s", names[i], why)
	}
	return nil
}

// zero returns a flag that is 0, in whose place the run would have the default; "" if there
// is none.
func (f *benchFlags) zero() string {
	var names []string
	for name, is := range map[string]bool{
		"duration": f.Duration == 0, "timeout": f.Timeout == 0, "silence": f.Silence == 0, "patience": f.BalanceTimeout == 0, "seed": f.Seed == 0,
		"connections": f.Connections == 0, "batch": f.Batch == 0, "kinds": f.Kinds == 0, "users": f.Users == 0, "channels": f.Channels == 0,
	} {
		if is {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " 0, --")
}
