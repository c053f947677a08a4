package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// The image's health check finds each stage of compose.yaml.
func TestComposeHealthChecks(t *testing.T) {
	got := map[string]string{}
	for _, d := range compose(t) {
		urls, err := healthURLs(d.args, func(name string) (string, bool) {
			v, ok := d.env[name]
			return v, ok || name == "EMOSTREAM_CONFIG" // no file of the user who runs this test
		})
		if err != nil {
			t.Errorf("%s: %v", d.where, err)
		}
		got[strings.TrimPrefix(d.where, "compose.yaml: ")] = strings.Join(urls, " ")
	}
	if diff := cmp.Diff(map[string]string{
		"serve": "http://127.0.0.1:5000/readyz", "sub1": "http://127.0.0.1:5001/readyz", "sub2": "http://127.0.0.1:5002/readyz",
		"aggregate": "http://127.0.0.1:9100/metrics", "publish": "http://127.0.0.1:9100/metrics",
	}, got); diff != "" {
		t.Error(diff)
	}
}

// Kafka tells its clients addresses under which they reach it: the stages its name among
// the containers, and tools of the machine the port that is forwarded.
func TestComposeKafkaListeners(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Environment map[string]string
			Ports       []string
		}
	}
	if err := yaml.Unmarshal(read(t, "compose.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	kafka := file.Services["kafka"]
	urls := func(variable string) map[string]*url.URL {
		all := map[string]*url.URL{}
		for listener := range strings.SplitSeq(kafka.Environment[variable], ",") {
			u, err := url.Parse(listener)
			if err != nil {
				t.Fatal(err)
			}
			all[u.Scheme] = u
			if !strings.Contains(","+kafka.Environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"], ","+strings.ToUpper(u.Scheme)+":PLAINTEXT") {
				t.Errorf("the protocol of listener %s is not said", u.Scheme)
			}
		}
		return all
	}
	bound, told := urls("KAFKA_LISTENERS"), urls("KAFKA_ADVERTISED_LISTENERS")
	if len(kafka.Ports) != 1 {
		t.Fatalf("ports %v", kafka.Ports)
	}
	forwarded := strings.Split(kafka.Ports[0], ":") // address, port of the machine, port of the container
	if forwarded[0] != "127.0.0.1" || bound["host"].Port() != forwarded[2] || told["host"].Host != "localhost:"+forwarded[1] {
		t.Errorf("%v is forwarded, %s is bound, and tools are told %s", forwarded, bound["host"], told["host"])
	}
	if stages := file.Services["serve"].Environment["EMOSTREAM_BROKERS"]; told["plaintext"].Host != stages || bound["plaintext"].Port() != told["plaintext"].Port() {
		t.Errorf("stages ask %s, %s is bound, and they are told %s", stages, bound["plaintext"], told["plaintext"])
	}
	defaults, err := newConsume(streams{}).Flags().GetStringSlice("brokers")
	if err != nil || defaults[0] != told["host"].Host {
		t.Errorf("tools ask %v by default, %v", defaults, err)
	}
}
