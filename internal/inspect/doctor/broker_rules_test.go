package doctor_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/emostream/emostream/internal/inspect/doctor"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/wire"
)

func TestBrokers(t *testing.T) {
	cluster := func(id string, brokers int) kafka.ClusterState {
		return kafka.ClusterState{ID: id, Controller: "k1:9092", Brokers: make([]kafka.Node, brokers)}
	}
	fine := func(address string, c kafka.ClusterState) doctor.Broker {
		return doctor.Broker{Address: address, Cluster: c}
	}
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	k1 := fine("k1:9092", cluster("c", 3))
	leaderless := cluster("c", 3)
	leaderless.Controller = ""
	for name, tt := range map[string]struct {
		told, advertised []doctor.Broker
		says             string
		want             []string
	}{
		"all is well": {
			[]doctor.Broker{k1, fine("k2:9092", k1.Cluster)},
			[]doctor.Broker{{Address: "k1:9092", ID: 1}, {Address: "k2:9092", ID: 2}},
			"c: 3 brokers", nil,
		},
		"the embedded one": {[]doctor.Broker{fine("k1:9092", cluster(wire.EmbeddedClusterID, 1))}, nil, "one broker, one copy", nil},
		"one broker":       {[]doctor.Broker{fine("k1:9092", cluster("c", 1))}, nil, "c has one broker", []string{"note cluster"}},
		"nobody": {
			[]doctor.Broker{{Address: "k1:9092", Stage: doctor.Connect, Err: refused}},
			nil,
			"nothing answers there: connection refused",
			[]string{"wrong k1:9092"},
		},
		"nobody in time": {
			[]doctor.Broker{{Address: "k1:9092", Stage: doctor.Connect, Err: &net.OpError{Op: "dial", Err: context.DeadlineExceeded}}},
			nil,
			"nothing answers there: no answer in time",
			[]string{"wrong k1:9092"},
		},
		"no such name": {
			[]doctor.Broker{{Address: "k1:9092", Stage: doctor.Resolve, Err: &net.DNSError{Err: "no such host", Name: "k1"}}},
			nil,
			"the name cannot be resolved: no such host",
			[]string{"wrong k1:9092"},
		},
		"no Kafka": {
			[]doctor.Broker{{Address: "k1:9092", Stage: doctor.Answer, Err: errors.New("EOF"), Owner: "nginx (pid 4)"}},
			nil,
			"nginx (pid 4) listens there, and does not speak Kafka's protocol: EOF",
			[]string{"wrong k1:9092"},
		},
		"a certificate of nobody's": {
			[]doctor.Broker{{Address: "k1:9092", Stage: doctor.Answer, Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}}},
			nil,
			"it is not to be used like this: tls: failed to verify certificate: unknown authority",
			[]string{"wrong k1:9092"},
		},
		"somebody who says nothing": {
			[]doctor.Broker{{Address: "k1:9092", Stage: doctor.Answer, Err: &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}}},
			nil,
			"something listens there, and gives no answer in time",
			[]string{"wrong k1:9092"},
		},
		"one of two": {
			[]doctor.Broker{k1, {Address: "k2:9092", Stage: doctor.Connect, Err: refused}},
			nil,
			"take it out of --brokers",
			[]string{"wrong k2:9092"},
		},
		"one of two, which the cluster has not noticed": {
			[]doctor.Broker{k1, {Address: "k2:9092", Stage: doctor.Connect, Err: refused}},
			[]doctor.Broker{{Address: "k2:9092", ID: 2, Stage: doctor.Connect, Err: refused}},
			"",
			[]string{"wrong k2:9092"},
		},
		"too old": {
			[]doctor.Broker{{Address: "k1:9092", Cluster: k1.Cluster, Unspoken: []string{"Produce 0-2 (needed: 3-8)"}}},
			nil,
			"it does not understand Produce 0-2 (needed: 3-8)",
			[]string{"wrong k1:9092"},
		},
		"two clusters": {
			[]doctor.Broker{k1, fine("k2:9092", cluster("d", 3))}, nil, "k2:9092 belongs to cluster d, and others to c", []string{"wrong cluster"},
		},
		"advertised nowhere": {
			[]doctor.Broker{k1},
			[]doctor.Broker{{Address: "inside:9092", ID: 7, Stage: doctor.Connect, Err: refused}},
			"the cluster says that it is at inside:9092, and there nothing answers there",
			[]string{"wrong broker 7"},
		},
		"advertised and too old": {
			[]doctor.Broker{k1},
			[]doctor.Broker{{Address: "k2:9092", ID: 7, Unspoken: []string{"Fetch"}}},
			"k2:9092 does not understand Fetch",
			[]string{"wrong broker 7"},
		},
		"no controller": {[]doctor.Broker{fine("k1:9092", leaderless)}, nil, "c has 3 brokers and no controller", []string{"wrong cluster"}},
	} {
		t.Run(name, func(t *testing.T) { check(t, doctor.Brokers(tt.told, tt.advertised), tt.says, tt.want...) })
	}
}
