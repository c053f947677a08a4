package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// object has the parts of a Kubernetes object that the tests use.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Replicas int
		Selector map[string]any
		Pods     map[string]any `yaml:"podSelector"` // of a NetworkPolicy
		Ingress  []struct {
			From  []map[string]any
			Ports []struct{ Port string }
		}
		Ports []struct {
			TargetPort string `yaml:"targetPort"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct{ Containers []container }
		}
	}
}

type container struct {
	Args  []string
	Env   []struct{ Name, Value string }
	Ports []containerPort
}

type containerPort struct {
	Name string
	Port int `yaml:"containerPort"`
}

func objects(t *testing.T) (all []object) {
	t.Helper()
	for _, name := range list(t, "kubernetes/*.yaml") {
		dec := yaml.NewDecoder(bytes.NewReader(read(t, name)))
		for {
			var o object
			err := dec.Decode(&o)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all = append(all, o)
		}
	}
	return all
}

// pods returns the command lines of the pods, with the settings that are commented out
// beside those that are not.
func pods(t *testing.T) (all []deployed) {
	t.Helper()
	file := ""
	for _, o := range objects(t) {
		file += strings.NewReplacer("# auth-", "auth-", "# ticket-", "ticket-").Replace(o.Data["emostream.yaml"])
	}
	for _, o := range objects(t) {
		for _, c := range o.Spec.Template.Spec.Containers {
			d := deployed{where: o.Metadata.Name, env: map[string]string{}, file: file}
			for _, arg := range c.Args {
				d.args = append(d.args, strings.ReplaceAll(arg, "$(INDEX)", "1"))
			}
			for _, v := range c.Env {
				d.env[v.Name] = v.Value
			}
			all = append(all, d)
		}
	}
	return all
}

// Every selector selects the pods of a workload, and every port of a Service or a
// NetworkPolicy is a port of its pods.
func TestKubernetesSelectors(t *testing.T) {
	all := objects(t)
	for _, o := range all {
		if o.Kind != "Service" && o.Kind != "PodDisruptionBudget" && o.Kind != "NetworkPolicy" {
			continue
		}
		wanted := map[string]any{}
		maps.Copy(wanted, o.Spec.Selector)
		maps.Copy(wanted, o.Spec.Pods)
		var ports []string
		for _, p := range o.Spec.Ports {
			ports = append(ports, p.TargetPort)
		}
		for _, rule := range o.Spec.Ingress {
			for _, p := range rule.Ports {
				ports = append(ports, p.Port)
			}
		}
		if labels, ok := wanted["matchLabels"].(map[string]any); ok {
			wanted = labels
		}
		delete(wanted, "statefulset.kubernetes.io/pod-name") // Kubernetes itself sets it on each pod
		found := slices.ContainsFunc(all, func(w object) bool {
			labels := w.Spec.Template.Metadata.Labels
			for name, value := range wanted {
				if labels[name] != value {
					return false
				}
			}
			for _, p := range ports {
				if !w.has(p) {
					return false
				}
			}
			return len(labels) > 0 && len(wanted) > 0
		})
		if !found {
			t.Errorf("%s %s selects nothing: %v", o.Kind, o.Metadata.Name, wanted)
		}
	}
}

func (o object) has(port string) bool {
	return slices.ContainsFunc(o.Spec.Template.Spec.Containers, func(c container) bool {
		return slices.ContainsFunc(c.Ports, func(p containerPort) bool { return p.Name == port })
	})
}

// Every pod stands under a NetworkPolicy, which lets nobody but Prometheus to its
// metrics and profiles.
func TestNetworkPolicy(t *testing.T) {
	all := objects(t)
	i := slices.IndexFunc(all, func(o object) bool { return o.Kind == "NetworkPolicy" })
	if i < 0 {
		t.Fatal("there is no NetworkPolicy")
	}
	wanted, _ := all[i].Spec.Pods["matchLabels"].(map[string]any)
	workloads := 0
	for _, o := range all {
		labels := o.Spec.Template.Metadata.Labels
		if len(labels) == 0 {
			continue
		}
		workloads++
		for name, value := range wanted {
			if labels[name] != value {
				t.Errorf("%s %s is not under the policy", o.Kind, o.Metadata.Name)
			}
		}
	}
	if workloads < 4 || len(wanted) == 0 {
		t.Errorf("%d workloads, selected by %v", workloads, wanted)
	}
	open := 0
	for _, rule := range all[i].Spec.Ingress {
		for _, p := range rule.Ports {
			if p.Port == "metrics" {
				open++
			}
		}
		if len(rule.Ports) == 0 || len(rule.From) == 0 {
			t.Error("a rule of the policy opens every port, or to everybody")
		}
	}
	if open != 1 {
		t.Errorf("%d rules open the metrics", open)
	}
}

// The ports that Kubernetes asks are those on which the settings let the servers listen.
func TestKubernetesPorts(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "emostream.yaml")
	asked := 0
	for _, d := range pods(t) {
		if err := os.WriteFile(settings, []byte(d.file), 0o600); err != nil {
			t.Fatal(err)
		}
		urls, err := healthURLs(d.args, func(name string) (string, bool) {
			if name == "EMOSTREAM_CONFIG" {
				return settings, true
			}
			v, ok := d.env[name]
			return v, ok
		})
		if err != nil {
			t.Errorf("%s: %v", d.where, err)
			continue
		}
		u, err := url.Parse(urls[0])
		if err != nil {
			t.Fatal(err)
		}
		name := map[string]string{"/readyz": "http", "/metrics": "metrics"}[u.Path]
		for _, o := range objects(t) {
			for _, c := range o.Spec.Template.Spec.Containers {
				for _, p := range c.Ports {
					if o.Metadata.Name == d.where && p.Name == name {
						asked++
						if fmt.Sprint(p.Port) != u.Port() {
							t.Errorf("%s: its port %s is %d, and it listens on %s", d.where, name, p.Port, u.Port())
						}
					}
				}
			}
		}
	}
	if asked != 4 {
		t.Errorf("%d ports were compared", asked)
	}
}
