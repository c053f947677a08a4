package kafkatest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/emostream/emostream/internal/proof/process"
)

// broker is one Java process. Its fields are guarded by the cluster's lock.
type broker struct {
	id         int
	addr       string // where clients reach it
	controller string // where the other controllers reach it
	secure     string // where clients with a login reach it, if there are any
	formatArgs []string
	dir        string // its data; the log and server.properties lie beside it
	java, libs string

	process *process.Process // nil before the first launch
}

// clusterProperties returns the lines of server.properties that all brokers share.
func clusterProperties(controllerPorts []int) map[string]string {
	n := len(controllerPorts)
	replicas := min(3, n)
	inSync := max(1, replicas-1)
	voters := make([]string, n)
	for i, port := range controllerPorts {
		voters[i] = fmt.Sprintf("%d@%s", i, localAddr(port))
	}
	properties := map[string]string{
		"process.roles":                  "broker,controller",
		"controller.quorum.voters":       strings.Join(voters, ","),
		"controller.listener.names":      "CONTROLLER",
		"inter.broker.listener.name":     "PLAINTEXT",
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"auto.create.topics.enable":      "false",
		// When a broker dies, its partitions get a new leader only after its session
		// has run out, and only then may it register again. The default of nine seconds
		// would make every kill in a test take that long.
		"broker.session.timeout.ms":    "4000",
		"broker.heartbeat.interval.ms": "1000",
		// Otherwise every test would wait for further members, which might still join.
		"group.initial.rebalance.delay.ms": "0",
		// The default is half of the heap, which is small here.
		"log.cleaner.dedupe.buffer.size": "8388608",
	}
	for key, value := range map[string]int{
		"default.replication.factor":                       replicas,
		"offsets.topic.replication.factor":                 replicas,
		"transaction.state.log.replication.factor":         replicas,
		"share.coordinator.state.topic.replication.factor": replicas,
		"min.insync.replicas":                              inSync,
		"transaction.state.log.min.isr":                    inSync,
		"share.coordinator.state.topic.min.isr":            inSync,
		// There are few partitions, since each takes time at the start. None of these
		// topics ever becomes large here.
		"offsets.topic.num.partitions":                 6,
		"transaction.state.log.num.partitions":         3,
		"share.coordinator.state.topic.num.partitions": 1,
	} {
		properties[key] = strconv.Itoa(value)
	}
	return properties
}

// format writes the broker's server.properties. It also prepares its data folder,
// unless the folder has been used before.
func (b *broker) format(ctx context.Context, clusterID string, shared map[string]string) error {
	properties := maps.Clone(shared)
	properties["node.id"] = strconv.Itoa(b.id)
	clients := "PLAINTEXT://" + b.addr
	if b.secure != "" {
		clients += ",SECURE://" + b.secure
	}
	properties["listeners"] = clients + ",CONTROLLER://" + b.controller
	properties["advertised.listeners"] = clients
	properties["log.dirs"] = filepath.ToSlash(b.dir)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", key, properties[key])
	}
	if err := os.WriteFile(b.file(".properties"), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("configure broker %d: %w", b.id, err)
	}
	tool := b.command(ctx, "kafka.tools.StorageTool",
		append([]string{"format", "--cluster-id", clusterID, "--config", b.file(".properties")}, b.formatArgs...)...)
	if out, err := process.Output(tool); err != nil {
		return fmt.Errorf("format the data of broker %d: %w\n%s", b.id, err, out)
	}
	return nil
}

// launch starts the process and returns; it does not wait until the broker is ready. The process outlives ctx.
func (b *broker) launch(ctx context.Context) error {
	log, err := os.OpenFile(b.file(".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("log of broker %d: %w", b.id, err)
	}
	defer log.Close()
	cmd := b.command(context.WithoutCancel(ctx), "kafka.Kafka", b.file(".properties"))
	cmd.Stdout, cmd.Stderr = log, log
	if b.process, err = process.Start(cmd); err != nil {
		return fmt.Errorf("start broker %d: %w", b.id, err)
	}
	return nil
}

// running returns whether the process was started and has not ended.
func (b *broker) running() bool { return b.process != nil && b.process.Running() }

// command returns a command that runs one of Kafka's programs in a Java process. The
// process is small and starts quickly, since several of them share a machine with the
// tests.
func (b *broker) command(ctx context.Context, class string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, b.java, append([]string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
		"-cp", filepath.Join(b.libs, "*"), class,
	}, args...)...)
}

// file returns the path of one of the broker's files beside its data folder.
func (b *broker) file(extension string) string {
	return b.dir + extension
}

// died returns an error about a process that ended by itself, with the end of its log.
func (b *broker) died() error {
	const tail = 3000
	log, err := os.ReadFile(b.file(".log"))
	if err != nil {
		return fmt.Errorf("broker %d ended (%w) and left no log: %w", b.id, b.process.Err(), err)
	}
	if len(log) > tail {
		log = log[len(log)-tail:]
		log = log[bytes.IndexByte(log, '\n')+1:]
	}
	return fmt.Errorf("broker %d ended (%w); the end of its log:\n%s", b.id, b.process.Err(), log)
}
