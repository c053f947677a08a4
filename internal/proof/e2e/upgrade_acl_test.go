package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/kafkatest"
)

// On a Kafka cluster with the topics and the ACLs of an earlier version, the stages of this
// version take the place of those of the earlier one, in either order. What they miss they
// only warn of. Nothing is lost or counted twice.
func TestUpgradePermissions(t *testing.T) {
	earlier := earlierProgram(t)
	if os.Getenv(kafkatest.BrokersVariable) == "" {
		t.Skip("Apache Kafka checks ACLs: make test-upgrade BROKER=kafka")
	}
	before, now := permissions(t, filepath.Join(filepath.Dir(earlier), "earlier")), permissions(t, "../../..")
	added := slices.DeleteFunc(slices.Clone(now), func(p permission) bool { return slices.Contains(before, p) })
	if len(added) == 0 {
		t.Fatal("this version needs no permission that the earlier one did not need")
	}
	cluster := newGuarded(t, "serve", "aggregate", "publish", "subscribe", "creator")
	for _, order := range []string{"serve aggregate publish subscribe", "subscribe publish aggregate serve"} {
		t.Run(order, func(t *testing.T) {
			g, in := *cluster, *cluster.installation
			g.installation, in.t = &in, t
			in.names.Prefix = prefix(t)
			for _, p := range before {
				g.allow(p)
			}
			for _, operation := range []string{"Create", "Describe"} {
				g.allow(permission{"creator", operation, "topic", "*"})
			}
			env := []string{"EMOSTREAM_SASL_PASSWORD=" + password}
			if p := startProgram(t, earlier, env, g.as("creator", "topics", "create")...); !p.succeeds() {
				t.Fatalf("topics create: %s", p.logs.String())
			}
			u := newUpgradeAs(t, earlier, &in, env, func(stage string) []string { return g.as(stage, stage) })
			u.showsAll()
			var replaced []*process
			for name := range strings.FieldsSeq(order) {
				s := u.stages[slices.IndexFunc(u.stages, func(s *upgradedStage) bool { return s.name == name })]
				u.replace(s)
				u.showsAll()
				replaced = append(replaced, s.running)
			}
			u.stopTaps()
			t.Logf("%d accepted, %d in doubt, %d refused", u.taps.total, u.taps.inDoubt, u.taps.refused)
			if u.taps.inDoubt > 0 || u.taps.refused > 0 {
				t.Errorf("%d taps are in doubt and %d were refused, want none", u.taps.inDoubt, u.taps.refused)
			}
			u.checkCounted(u.taps)
			u.listener.checkShown(t, "sub1", time.Time{}, u.taps)
			for _, program := range u.programs {
				verifies(t, program, u.installation, u.names.Prefix)
			}
			g.onlyWarn(replaced, added)
		})
	}
}

// succeeds waits until a process has ended, and says whether with 0.
func (p *process) succeeds() bool {
	select {
	case <-p.done:
		return p.cmd.ProcessState.Success()
	case <-time.After(maxWait):
		return false
	}
}

// onlyWarn fails if stages logged an error, and if a topic or group that somebody may not
// use is none of those that permissions were added for.
func (g *guarded) onlyWarn(stages []*process, added []permission) {
	g.t.Helper()
	warned := 0
	for _, p := range stages {
		for line := range strings.Lines(p.logs.String()) {
			line = strings.TrimSpace(line)
			if strings.Contains(line, "level=ERROR") || strings.Contains(line, `"level":"ERROR"`) {
				g.t.Errorf("%s logs an error: %s", p.name, line)
			}
			missing := regexp.MustCompile(`needs an ACL that allows .* on (topic|group) ([^ ",;:)]+)`).FindStringSubmatch(line)
			if missing == nil {
				continue
			}
			warned++
			if !slices.ContainsFunc(added, func(a permission) bool {
				_, name, _ := g.resource(a)
				return a.user == p.name && a.kind == missing[1] && strings.Contains(missing[2], name)
			}) {
				g.t.Errorf("%s misses what it has: %s", p.name, line)
			}
		}
	}
	if warned == 0 {
		g.t.Error("no stage says what it misses")
	}
}
