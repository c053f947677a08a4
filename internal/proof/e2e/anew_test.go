package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/kafka"
	programs "github.com/emostream/emostream/internal/proof/process"
	"github.com/emostream/emostream/internal/stream"
)

// makeAnew deletes a topic and creates it again, as it was.
func (in *installation) makeAnew(topic kafka.Topic) {
	in.t.Helper()
	in.remove(topic.Name)
	until(in.t, topic.Name+" is made anew", func() error {
		ctx, cancel := context.WithTimeout(in.t.Context(), maxWait)
		defer cancel()
		c := in.open() // a new one each time, since it may remember the topic
		defer c.Close()
		made, err := c.EnsureTopics(ctx, topic)
		if err == nil && len(made) == 0 {
			err = fmt.Errorf("it is not gone yet")
		}
		return err
	})
}

// remove deletes a topic.
func (in *installation) remove(topic string) {
	in.t.Helper()
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	admin := &kafkago.Client{Addr: kafkago.TCP(in.brokers...), Transport: transport, Timeout: maxWait}
	res, err := admin.DeleteTopics(in.t.Context(), &kafkago.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil || res.Errors[topic] != nil {
		in.t.Fatalf("delete %s: %v, %v", topic, err, res)
	}
}

// taps returns an error unless a reaction is acknowledged.
func (in *installation) taps() error {
	a, err := post(in.main[0]+"/send_emoji", "application/json", `{"user_id":"e2e","emoji_type":"🔥"}`)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%d %s", a.status, a.body)
	}
	return err
}

// running fails the test if a process has ended.
func running(t *testing.T, all map[string]*process) {
	t.Helper()
	for name, p := range all {
		select {
		case <-p.done:
			t.Errorf("%s has ended with %d", name, p.cmd.ProcessState.ExitCode())
		default:
		}
	}
}

// cluster_1 and emoji-partials are deleted and made anew while taps flow and every stage
// runs twice. No stage ends, and all that is acknowledged, before and after, is counted
// and shown once.
func TestTopicsAreMadeAnewWhileTapsFlow(t *testing.T) {
	sideBySide(t)
	all, in := stages(t)
	listeners := map[string]*listener{}
	for name, url := range in.servers {
		listeners[name] = listen(t, url)
	}
	began := time.Now()
	done := make(chan *outcomeCounts)
	go func() { done <- in.crowd(t.Context(), 2400, 16, 24*time.Second) }()
	layout := kafka.Layout{Names: in.names}
	<-time.After(4 * time.Second)
	in.makeAnew(layout.ClusterTopic("cluster_1"))
	<-time.After(6 * time.Second)
	in.makeAnew(layout.PartialsTopic())
	led := <-done
	if led.total != 2400 {
		t.Errorf("%d of 2400 were acknowledged, %d in doubt, %v", led.total, led.inDoubt, led.failed)
	}
	in.checkCounted(led)
	for name, l := range listeners {
		l.checkShown(t, name, began, led)
	}
	running(t, all)
}

// Every topic is deleted and made anew in turn, while all stages run. What is acknowledged
// after that is counted and shown.
func TestEveryTopicIsMadeAnew(t *testing.T) {
	sideBySide(t)
	p, in := up(t, "--ephemeral", "--subscribers", "2", "--clusters", "2")
	layout := kafka.Layout{Names: in.names}
	for _, topic := range []kafka.Topic{
		layout.ReactionsTopic(), layout.PartialsTopic(), layout.CountsTopic(), layout.ClusterTopic("cluster_2"), layout.ServerTopic("sub1"), layout.ServersTopic(),
	} {
		in.crowd(t.Context(), 60, 4, 0) // no log is empty
		in.makeAnew(topic)
		until(t, "reactions are taken in after "+topic.Name+" was made anew", in.taps)
		in.ready()
		<-time.After(4 * time.Second) // the windows so far have ended
		began := time.Now()
		listeners := map[string]*listener{}
		for name, url := range in.servers {
			listeners[name] = listen(t, url)
		}
		led := in.crowd(t.Context(), 200, 8, 2*time.Second)
		if led.total != 200 {
			t.Fatalf("after %s was made anew %d of 200 were acknowledged, %d in doubt, %v", topic.Name, led.total, led.inDoubt, led.failed)
		}
		for name, l := range listeners {
			l.checkShown(t, name+" after "+topic.Name+" was made anew", began, led)
		}
	}
	running(t, map[string]*process{"up": p})
}

// Topics that somebody deletes, and nobody creates, are named by /readyz of the servers
// that need them, and by the log. Reactions are refused meanwhile. The stages create the
// topics again, and go on.
func TestTopicsThatAreGoneAreNamedAndCreatedAgain(t *testing.T) {
	sideBySide(t)
	p, in := up(t, "--ephemeral", "--subscribers", "1", "--clusters", "1")
	in.crowd(t.Context(), 60, 4, 0)
	for topic, url := range map[string]string{in.names.Reactions(): in.main[0], in.names.Server("sub1"): in.servers["sub1"]} {
		in.remove(topic)
		until(t, "/readyz names "+topic, func() error {
			code, body := readiness(t, url)
			if code != http.StatusServiceUnavailable || !strings.Contains(body, topic) {
				return fmt.Errorf("%d %s", code, body)
			}
			return nil
		})
		if url == in.main[0] {
			a, err := post(url+"/send_emoji", "application/json", `{"user_id":"a","emoji_type":"🔥"}`)
			if err != nil || a.status != http.StatusServiceUnavailable || a.code != "not_written" && a.code != "in_doubt" {
				t.Errorf("without %s a reaction is answered with %+v, %v", topic, a, err)
			}
		}
	}
	for _, said := range []string{"a topic is gone: it is created again if nobody does so soon", "the topic is there again"} {
		until(t, "the log says: "+said, func() error {
			if !strings.Contains(p.logs.String(), said) {
				return errors.New("it does not")
			}
			return nil
		})
	}
	in.ready()
	until(t, "reactions are taken in", in.taps)
	<-time.After(4 * time.Second) // the windows so far have ended
	began := time.Now()
	l := listen(t, in.servers["sub1"])
	led := in.crowd(t.Context(), 200, 8, time.Second)
	if led.total != 200 {
		t.Errorf("%d of 200 were acknowledged, %d in doubt, %v", led.total, led.inDoubt, led.failed)
	}
	l.checkShown(t, "sub1", began, led)
	running(t, map[string]*process{"up": p})
}

// readiness returns the answer of a server to /readyz.
func readiness(t *testing.T, url string) (code int, body string) {
	t.Helper()
	res, err := http.Get(url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// A group that kafka-consumer-groups --reset-offsets has reset begins at the log's start,
// which changes no count. As that tool does, the test commits an offset without metadata
// while nobody is in the group.
func TestAGroupThatWasResetBeginsAtTheLogsStart(t *testing.T) {
	sideBySide(t)
	all, in := stages(t)
	led := in.crowd(t.Context(), 500, 16, time.Second)
	in.checkCounted(led)
	for _, name := range []string{"aggregate-1", "aggregate-2", "publish-1", "publish-2"} {
		if code := all[name].stop(); code != 0 {
			t.Errorf("%s ended with %d", name, code)
		}
	}
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	admin := &kafkago.Client{Addr: kafkago.TCP(in.brokers...), Transport: transport, Timeout: maxWait}
	for group, topic := range map[string]string{"reduce": in.names.Partials(), "publish": in.names.Counts(), "publish-cluster_1": in.names.Cluster("cluster_1")} {
		group := in.names.Prefix + group
		until(t, group+" is reset", func() error {
			res, err := admin.OffsetCommit(t.Context(), &kafkago.OffsetCommitRequest{
				GroupID: group, GenerationID: -1, Topics: map[string][]kafkago.OffsetCommit{topic: {{Partition: 0, Offset: 3}}},
			})
			if err != nil {
				return err
			}
			return res.Topics[topic][0].Error
		})
		c := in.open()
		got, err := c.Committed(t.Context(), group, topic, 0)
		c.Close()
		if want := (stream.Commit{Offset: 3}); err != nil || got != want {
			t.Fatalf("%s has the commit %+v, %v, want %+v", group, got, err, want)
		}
	}
	for _, name := range []string{"aggregate-1", "publish-1"} {
		all[name+"-again"] = start(t, all[name].cmd.Args[1:]...)
	}
	began := time.Now() // after the end of every window so far
	listeners := map[string]*listener{}
	for name, url := range in.servers {
		listeners[name] = listen(t, url)
	}
	more := in.crowd(t.Context(), 500, 16, time.Second)
	for name, l := range listeners {
		l.checkShown(t, name, began, more)
	}
	more.add(led)
	in.checkCounted(more)
	for _, name := range []string{"aggregate-1-again", "publish-1-again"} {
		until(t, name+" says that its group was reset", func() error {
			if !strings.Contains(all[name].logs.String(), "another program has reset the consumer group: beginning at the log's start") {
				return fmt.Errorf("%s", programs.Tail(all[name].logs.String()))
			}
			return nil
		})
	}
}
