package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	programs "github.com/emostream/emostream/internal/proof/process"
)

// permission is a row of the table in docs/kafka-security.md.
type permission struct {
	user      string
	operation string
	kind      string // topic or group
	name      string // a * at the end stands for any ending
}

func (p permission) String() string {
	return fmt.Sprintf("%s %s %s %s", p.user, p.operation, p.kind, p.name)
}

// permissions returns the rows of the table in docs/kafka-security.md below a folder.
func permissions(t *testing.T, root string) (all []permission) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(root, "docs/kafka-security.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\| (topic|group) `([^`]+)` \\|")
	for _, m := range row.FindAllStringSubmatch(string(doc), -1) {
		all = append(all, permission{m[1], m[2], m[3], m[4]})
	}
	if len(all) < 15 {
		t.Fatalf("found %d permissions in the document: %v", len(all), all)
	}
	return all
}

// guarded is a pipeline on a Kafka cluster in which everything is forbidden that no ACL
// allows.
type guarded struct {
	*installation
	cluster *kafkatest.Cluster
	admin   *kafkago.Client
	stages  map[string]*process
	args    map[string][]string
}

// password is the password of every user.
const password = "n0t-to-be-seen"

func newGuarded(t *testing.T, users ...string) *guarded {
	t.Helper()
	passwords := map[string]string{}
	for _, u := range users {
		passwords[u] = password
	}
	cluster, err := kafkatest.Start(t.Context(), kafkatest.Options{Brokers: 1, Users: passwords, Properties: map[string]string{
		"connections.max.reauth.ms": "8000", // ms after which a client must log in again: often, in this test
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	transport := new(kafkago.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	in := &installation{t: t, servers: map[string]string{}, brokers: cluster.Addrs()}
	in.names.Prefix = "guarded."
	return &guarded{
		installation: in, cluster: cluster, stages: map[string]*process{}, args: map[string][]string{},
		admin: &kafkago.Client{Addr: kafkago.TCP(cluster.Addrs()...), Transport: transport, Timeout: maxWait},
	}
}

// resource returns the type and the name of a permission's resource in Kafka, and
// whether the name is a prefix.
func (g *guarded) resource(p permission) (kafkago.ResourceType, string, kafkago.PatternType) {
	kind, name := kafkago.ResourceTypeTopic, g.names.Prefix+p.name
	if p.kind == "group" {
		kind, name = kafkago.ResourceTypeGroup, g.names.Prefix+strings.TrimPrefix(p.name, "emostream-")
	}
	if prefix, ok := strings.CutSuffix(name, "*"); ok {
		return kind, prefix, kafkago.PatternTypePrefixed
	}
	return kind, name, kafkago.PatternTypeLiteral
}

var operations = map[string]kafkago.ACLOperationType{
	"Read": kafkago.ACLOperationTypeRead, "Write": kafkago.ACLOperationTypeWrite,
	"Create": kafkago.ACLOperationTypeCreate, "Describe": kafkago.ACLOperationTypeDescribe,
}

func (g *guarded) allow(p permission) {
	g.t.Helper()
	kind, name, pattern := g.resource(p)
	res, err := g.admin.CreateACLs(g.t.Context(), &kafkago.CreateACLsRequest{ACLs: []kafkago.ACLEntry{{
		ResourceType: kind, ResourceName: name, ResourcePatternType: pattern,
		Principal: "User:" + p.user, Host: "*", Operation: operations[p.operation], PermissionType: kafkago.ACLPermissionTypeAllow,
	}}})
	if err == nil {
		err = errors.Join(res.Errors...)
	}
	if err != nil {
		g.t.Fatalf("allow %v: %v", p, err)
	}
}

func (g *guarded) forbid(p permission) {
	g.t.Helper()
	kind, name, pattern := g.resource(p)
	res, err := g.admin.DeleteACLs(g.t.Context(), &kafkago.DeleteACLsRequest{Filters: []kafkago.DeleteACLsFilter{{
		ResourceTypeFilter: kind, ResourceNameFilter: name, ResourcePatternTypeFilter: pattern,
		PrincipalFilter: "User:" + p.user, HostFilter: "*", Operation: operations[p.operation], PermissionType: kafkago.ACLPermissionTypeAllow,
	}}})
	if err != nil {
		g.t.Fatalf("forbid %v: %v", p, err)
	}
	if r := res.Results[0]; r.Error != nil || len(r.MatchingACLs) != 1 {
		g.t.Fatalf("forbid %v: %v, %d ACLs", p, r.Error, len(r.MatchingACLs))
	}
}

// as adds to a command's arguments the flags of Kafka, with a user to log in as.
func (g *guarded) as(user string, args ...string) []string {
	return append(args, "--brokers", strings.Join(g.cluster.SecureAddrs(), ","), "--topic-prefix", g.names.Prefix, "--group-prefix", g.names.Prefix,
		"--tls", "--tls-ca", g.cluster.CA(), "--sasl-mechanism", "scram-sha-512", "--sasl-user", user)
}

// run starts a stage. Its user has the name of the stage.
func (g *guarded) run(stage string) *process {
	g.t.Helper()
	p := startProgram(g.t, binary, []string{"EMOSTREAM_SASL_PASSWORD=" + password}, g.as(stage, g.args[stage]...)...)
	g.stages[stage] = p
	return p
}

// once runs a command until it ends, and returns its exit code and what it logged.
func (g *guarded) once(user, password string, args ...string) (code int, said string) {
	g.t.Helper()
	p := startProgram(g.t, binary, []string{"EMOSTREAM_SASL_PASSWORD=" + password}, g.as(user, args...)...)
	select {
	case <-p.done:
	case <-time.After(maxWait):
		g.t.Fatalf("%s does not end", p.name)
	}
	return p.cmd.ProcessState.ExitCode(), p.logs.String()
}

// A pipeline works over TLS if each stage logs in as a user of its own that has the
// permissions of docs/kafka-security.md. Each permission is needed: without it the
// stage names what it misses.
func TestGuardedKafka(t *testing.T) {
	if os.Getenv(kafkatest.BrokersVariable) == "" {
		t.Skip("Apache Kafka is started by make test-kafka")
	}
	all := permissions(t, "../../..")
	stages := []string{"serve", "aggregate", "publish", "subscribe"}
	g := newGuarded(t, append(stages, "creator")...)
	for _, p := range all {
		g.allow(p)
	}
	for _, operation := range []string{"Create", "Describe"} {
		g.allow(permission{"creator", operation, "topic", "*"})
	}
	if code, said := g.once("creator", password, "topics", "create"); code != 0 {
		t.Fatalf("topics create ended with %d: %s", code, said)
	}
	if code, said := g.once("creator", "wrong", "topics", "describe"); code != 1 || !strings.Contains(said, `user "creator", scram-sha-512: check the name, the password`) {
		t.Errorf("with a wrong password topics describe ended with %d: %s", code, said)
	}

	main, sub := free(t), free(t)
	g.main, g.servers["sub1"] = []string{"http://" + main}, "http://"+sub
	g.args = map[string][]string{
		"serve": {"serve", "--listen", main}, "aggregate": {"aggregate"}, "publish": {"publish"},
		"subscribe": {"subscribe", "--name", "sub1", "--listen", sub},
	}
	for _, stage := range stages {
		g.run(stage)
	}
	g.ready()
	began := time.Now()
	shown := listen(t, g.servers["sub1"])
	led := g.crowd(t.Context(), 2000, 16, 10*time.Second) // longer than a login is valid
	if led.total != 2000 {
		t.Fatalf("%d of 2000 were acknowledged, %d in doubt, %v", led.total, led.inDoubt, led.failed)
	}
	g.checkCounted(led)
	shown.checkShown(t, "sub1", began.Add(-time.Minute), led)

	t.Run("without", func(t *testing.T) {
		background, stop := context.WithCancel(t.Context())
		traffic := make(chan *outcomeCounts)
		go func() { traffic <- g.crowd(background, 1_000_000, 4, 5*time.Hour) }()
		for _, p := range all {
			t.Run(p.String(), func(t *testing.T) { g.misses(t, p) })
		}
		stop()
		more := <-traffic
		more.total, more.inDoubt = more.total+led.total, more.inDoubt+led.inDoubt
		for emoji, n := range led.accepted {
			more.accepted[emoji] += n
		}
		g.checkCounted(more)
	})
	for _, p := range g.stages {
		if strings.Contains(p.logs.String(), password) {
			t.Errorf("the log of %s shows the password", p.name)
		}
	}
}

// misses starts a stage without one of its permissions, and waits until its log names
// what is missing. Then it allows it again and starts the stage anew.
func (g *guarded) misses(t *testing.T, p permission) {
	t.Helper()
	g.stages[p.user].stop()
	g.forbid(p)
	without := g.run(p.user)
	_, name, _ := g.resource(p)
	complaint := regexp.MustCompile(`needs an ACL that allows ([a-zA-Z ]* )?` + p.operation + `( [a-zA-Z ]*)? on ` + p.kind + ` ` + regexp.QuoteMeta(name))
	until(t, "what is missing is named", func() error {
		if !complaint.MatchString(without.logs.String()) {
			return fmt.Errorf("%s says %s", p.user, programs.Tail(without.logs.String()))
		}
		return nil
	})
	g.allow(p)
	select {
	case <-without.done:
	default:
		without.stop()
	}
	g.run(p.user)
	g.ready()
}
