// Package kafkatest runs a real Apache Kafka cluster for tests: several brokers on this machine, each a Java process
// of its own, which a test may kill and start again while it goes on producing and consuming.
//
// The embedded broker is enough for most tests, but it is one process and keeps no replicas. What only a cluster
// shows (a leader that dies between a write and its acknowledgement, a group whose coordinator moves, a broker that
// refuses a timestamp) is tested here. The brokers are set as a careful operator would set them: three replicas of
// everything, of which two must have a record before it is acknowledged, and no topic that nobody asked for.
//
// It needs Java 17 or newer, and Maven the first time, to fetch Kafka's jars into the module's .cache folder (or
// into $EMOSTREAM_TEST_KAFKA_LIBS). The command in cmd/kafkatest starts a cluster around any other command.
package kafkatest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Version is the version of Apache Kafka that runs. pom.xml must name the same one.
const Version = "4.1.1"

// Options of a cluster. The zero value is a cluster of three brokers in a temporary folder.
type Options struct {
	// Brokers is the number of brokers; default 3. Each of them is a controller too.
	Brokers int
	// Dir is a folder for data and logs (broker-0.log and so on). It is kept. By
	// default Start makes a temporary folder, and Stop removes it.
	Dir string
	// Properties are further lines of server.properties. They replace those that are
	// chosen here.
	Properties map[string]string
	// Users are the users who may log in, with their passwords. If there are any, the
	// brokers have a second listener (SecureAddrs) with TLS (CA). On it clients log in
	// by PLAIN or SCRAM, and may do what ACLs allow.
	Users map[string]string
}

// Cluster is a running cluster. Its methods may be called from several goroutines; each
// call waits for the one before.
type Cluster struct {
	dir     string
	ownsDir bool

	mu      sync.Mutex // held by whoever starts or ends a broker
	brokers []*broker
}

// Start starts a cluster, and returns when all of its brokers accept requests. The
// context bounds the start only. A running cluster ends with Stop or with this process,
// whichever comes first.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	java, err := findJava(ctx)
	if err != nil {
		return nil, err
	}
	libs, err := findLibs(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: opts.Dir, ownsDir: opts.Dir == ""}
	if c.ownsDir {
		c.dir, err = os.MkdirTemp("", "kafkatest-")
	} else {
		err = os.MkdirAll(c.dir, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("folder for the cluster's data: %w", err)
	}
	if err := c.start(ctx, java, libs, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("start %d brokers: %w", len(c.brokers), err), c.Stop())
	}
	return c, nil
}

// start formats and launches every broker, and waits for them.
func (c *Cluster) start(ctx context.Context, java, libs string, opts Options) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := cmp.Or(opts.Brokers, 3)
	ports, err := FreePorts(ctx, 3*n)
	if err != nil {
		return err
	}
	id, properties := clusterID(), clusterProperties(ports[n:2*n])
	for i := range n {
		c.brokers = append(c.brokers, &broker{
			id: i, addr: localAddr(ports[i]), controller: localAddr(ports[n+i]), java: java, libs: libs,
			dir: filepath.Join(c.dir, "broker-"+strconv.Itoa(i)),
		})
	}
	if len(opts.Users) > 0 {
		if err := errors.Join(checkUsers(opts.Users), c.certify()); err != nil {
			return err
		}
		maps.Copy(properties, c.secureProperties(opts.Users))
		for i, b := range c.brokers {
			b.secure, b.formatArgs = localAddr(ports[2*n+i]), scramArguments(opts.Users)
		}
	}
	maps.Copy(properties, opts.Properties)
	var started errgroup.Group
	for _, b := range c.brokers {
		started.Go(func() error {
			if err := b.format(ctx, id, properties); err != nil {
				return err
			}
			return b.launch(ctx)
		})
	}
	if err := started.Wait(); err != nil {
		return err
	}
	return c.wait(ctx)
}

// Addrs returns the brokers' addresses. The address at index i is that of broker i,
// which has the id i in Kafka too. It stays the same while the broker is dead.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.brokers))
	for i, b := range c.brokers {
		addrs[i] = b.addr
	}
	return addrs
}

// Kill kills broker i (SIGKILL), and returns when it is gone. The others notice it when
// the broker's session with the controller runs out (broker.session.timeout.ms, four
// seconds here). Until then its partitions have no leader.
func (c *Cluster) Kill(i int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := c.broker(i)
	if err != nil {
		return err
	}
	if !b.running() {
		return fmt.Errorf("broker %d is not running", i)
	}
	if err := b.process.Kill(); err != nil {
		return fmt.Errorf("broker %d: %w", i, err)
	}
	return nil
}

// Pause stops broker i where it is (SIGSTOP). All its connections stay open. If the
// pause outlasts its session, another broker becomes the leader of its partitions, and
// the paused broker does not know that when it goes on. Pause returns an error on
// Windows.
func (c *Cluster) Pause(i int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := c.broker(i)
	if err != nil {
		return err
	}
	if !b.running() {
		return fmt.Errorf("broker %d is not running", i)
	}
	if err := b.process.Pause(); err != nil {
		return fmt.Errorf("broker %d: %w", i, err)
	}
	return nil
}

// Resume lets broker i go on after Pause. It returns when the broker has caught up, as
// Start does.
func (c *Cluster) Resume(ctx context.Context, i int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := c.broker(i)
	if err != nil {
		return err
	}
	if err := b.process.Resume(); err != nil {
		return fmt.Errorf("broker %d: %w", i, err)
	}
	return c.wait(ctx)
}

// Start starts broker i again, with the port and the data that it had. It returns when
// the broker has caught up: every replica on a running broker is in sync, so that
// another one may be killed without stopping writes.
func (c *Cluster) Start(ctx context.Context, i int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := c.broker(i)
	if err != nil {
		return err
	}
	if b.running() {
		return fmt.Errorf("broker %d is running", i)
	}
	if err := b.launch(ctx); err != nil {
		return err
	}
	return c.wait(ctx)
}

// Stop kills every broker. They need not end in order, since the data of a test are not
// read again.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, b := range c.brokers {
		if b.running() {
			errs = append(errs, b.process.Kill())
		}
	}
	if c.ownsDir {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	return errors.Join(errs...)
}

// broker returns broker i.
func (c *Cluster) broker(i int) (*broker, error) {
	if i < 0 || i >= len(c.brokers) {
		return nil, fmt.Errorf("no broker %d: there are 0 to %d", i, len(c.brokers)-1)
	}
	return c.brokers[i], nil
}

// clusterID returns a random id in the form that Kafka wants: sixteen bytes in base64.
// It never begins with a dash, which Kafka's command line would take for a flag.
func clusterID() string {
	var b [16]byte
	rand.Read(b[:])
	b[0] &= 0x7f
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// FreePorts returns n ports on which nobody listens. They are below the ports that
// systems choose for outgoing connections. So no connection takes the port of a process
// while that process is dead.
func FreePorts(ctx context.Context, n int) ([]int, error) {
	const minPort, maxPort, tries = 20000, 32000, 1000
	var ports []int
	for range tries {
		if len(ports) == n {
			return ports, nil
		}
		var b [2]byte
		rand.Read(b[:])
		port := minPort + (int(b[0])<<8|int(b[1]))%(maxPort-minPort)
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", localAddr(port))
		if err != nil {
			continue
		}
		defer ln.Close() // held until all are found, so that none is found twice
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("found only %d of %d free ports from %d to %d", len(ports), n, minPort, maxPort)
}

// localAddr returns the address of a port on this machine.
func localAddr(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
