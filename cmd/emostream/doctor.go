package main

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/inspect/doctor"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/openfiles"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/access"
)

// doctorFlags are the settings of doctor.
type doctorFlags struct {
	kafkaFlags
	server      string
	trust       trustFlag
	host        string
	port        int
	subscribers int
	clients     int
	dataDir     string
	authKeys    string
	authIssuer  string
	window      time.Duration
	timeout     time.Duration
	out         outputFlag

	file     string // path of the settings file; empty if there is none
	problems []doctor.Setting
}

func newDoctor(io streams, quietColor *quietColorFlags) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what is wrong here, and what to do about it",
		Long: `Doctor looks at the keys of tokens, ports, brokers, topics and their settings, the counting, clocks,
subscriber servers, the limit of open files, the data folder of the embedded broker,
the terminal and the settings. Each finding says what was found, why it matters and
what to do; of several that follow from each other it tells the first.

It changes nothing. To be told the brokers' time it writes a record without a value to
emostream-clock where that exists, as every main server does.

Exit code 1: something is wrong. Notes do not count.`,
		Example: `  emostream doctor
  emostream doctor --brokers kafka1:9092,kafka2:9092 --clients 5000
  emostream doctor -o json | jq '.findings[] | select(.status == "wrong")'`,
		Args: cobra.NoArgs,
		// What is wrong with the settings is a finding, not an error of usage.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			f.applySettings(cmd)
			return quietColor.apply(io)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, io) },
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.host, "host", "127.0.0.1", "address that servers are to listen on")
	fl.StringVar(&f.server, "server", defaultServer, "base URL of the main server; if it is on this machine and names a port, --port is that one unless it is given")
	f.trust.add(cmd)
	fl.IntVar(&f.port, "port", 5000, "port of the main server; the subscriber servers take the ones after it; 0: do not look")
	fl.IntVar(&f.subscribers, "subscribers", 6, "number of subscriber servers on this machine")
	fl.IntVar(&f.clients, "clients", 10_000, "clients that a process here is to serve at once")
	fl.StringVar(&f.dataDir, "data-dir", "", "folder of the embedded broker's log; default emostream in the user's state folder")
	fl.StringVar(&f.authKeys, "auth-keys", "", "of serve and subscribe: keys of tokens, which are read as they do")
	fl.StringVar(&f.authIssuer, "auth-issuer", "", "of serve and subscribe; needed with a JWKS")
	fl.DurationVar(&f.window, "window", windowing.DefaultWindow, "of aggregate; unless it is given, what is counted by")
	fl.DurationVar(&f.lateness, "lateness", windowing.DefaultLateness, "of aggregate; unless it is given, what is counted by")
	fl.DurationVar(&f.timeout, "timeout", 5*time.Second, "how long each question to a server may take")
	f.out.add(cmd)
	return cmd
}

// applySettings gives the flags their values from the environment and the settings file.
// Mistakes in them become findings.
func (f *doctorFlags) applySettings(cmd *cobra.Command) {
	path, _ := configPath(cmd, os.LookupEnv)
	if there, _ := lookFor(path); there {
		f.file = path
	}
	if warning := unseenFile(cmd, os.LookupEnv); warning != "" {
		f.problems = append(f.problems, doctor.Setting{Found: warning, Harmless: true})
	}
	s, wrong := loadSettings(cmd, os.LookupEnv)
	if err := s.apply(cmd); wrong == nil {
		wrong = err
	}
	if wrong != nil {
		for line := range strings.Lines(wrong.Error()) {
			f.problems = append(f.problems, doctor.Setting{Found: strings.TrimSpace(line)})
		}
	}
	for _, problem := range unknownVariables(os.Environ()) {
		f.problems = append(f.problems, doctor.Setting{Found: problem, Harmless: true})
	}
}

// followServer takes the port of --server, which clients use, for --port. It does not if
// the main server is on another machine, or no port is named, as where a proxy is in front.
func (f *doctorFlags) followServer() {
	u, err := url.Parse(f.server)
	if err != nil {
		return
	}
	port, err := strconv.Atoi(u.Port())
	if ip, wrong := netip.ParseAddr(u.Hostname()); err == nil && (u.Hostname() == "localhost" || wrong == nil && ip.IsLoopback()) {
		f.port = port
	}
}

// check says what is wrong with the flags themselves.
func (f *doctorFlags) check() error {
	if err := (&client.Client{Server: f.server}).Check(); err != nil {
		return settingError(err)
	}
	f.host = bareHost(f.host)
	if err := errors.Join(checkHost(f.host), checkPorts(f.port, f.subscribers)); err != nil {
		return err
	}
	switch {
	case f.subscribers < 0 || f.subscribers > 999:
		return usagef("--subscribers %d: want 0 to 999", f.subscribers)
	case f.clients < 1:
		return usagef("--clients %d: want at least 1", f.clients)
	case f.timeout < 100*time.Millisecond || f.timeout > time.Minute:
		return usagef("--timeout %v: want 100ms to 1m", f.timeout)
	}
	counted := aggregateFlags{window: f.window, lateness: f.lateness, scale: "log:10"}
	return errors.Join(counted.check(), f.kafkaFlags.check())
}

// run examines the installation and prints what it found.
func (f *doctorFlags) run(cmd *cobra.Command, io streams) error {
	ctx := cmd.Context()
	asJSON := f.out.json()
	if !cmd.Flags().Changed("port") {
		f.followServer()
	}
	if err := f.check(); err != nil {
		return err
	}
	if _, err := f.open("doctor", nil); err != nil { // checks addresses and logins, connects to nothing
		return err
	}
	cfg := f.config(cmd, io)
	var err error
	if cfg.TLS, err = f.trust.config(); err != nil {
		return err
	}
	findings, err := doctor.Examine(ctx, cfg)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	r := doctor.NewReport(findings)
	if asJSON {
		err = writeJSON(io.out, r)
	} else {
		err = printFindings(io.out, r)
	}
	if err == nil && r.Wrong > 0 {
		return &exitError{code: exitFailed} // the findings are printed
	}
	return err
}

func (f *doctorFlags) config(cmd *cobra.Command, io streams) doctor.Config {
	cfg := doctor.Config{
		Open: func(brokers ...string) (*kafka.Client, error) {
			own := f.kafkaFlags
			own.brokers = brokers
			return own.open("doctor", nil)
		},
		Brokers: f.brokers, Names: f.names(), Group: f.group,
		Server: f.server, Host: f.host, Port: f.port, Subscribers: f.subscribers,
		Clients: f.clients, OpenFiles: openfiles.Limit(),
		DataDir: f.dataDir, DataWanted: f.dataDir != "",
		MaxSkew: server.MaxSkew, Screen: terminalOf(io),
		SettingsFile: f.file, Settings: f.problems, Timeout: f.timeout,
	}
	if cfg.DataDir == "" {
		cfg.DataDir, _ = stateDir() // stays empty if there is no home folder
	}
	if f.authKeys != "" {
		cfg.Keys = f.readKeys
	}
	if cmd.Flags().Changed("window") {
		cfg.Window = f.window
	}
	if cmd.Flags().Changed("lateness") {
		cfg.Lateness = f.lateness
	}
	return cfg
}

// readKeys reads the keys of tokens as a server does.
func (f *doctorFlags) readKeys(ctx context.Context) doctor.TokenKeys {
	keys, passedOver, err := access.ReadKeys(ctx, access.Config{Keys: f.authKeys, Issuer: f.authIssuer})
	return doctor.TokenKeys{Source: f.authKeys, Keys: len(keys), PassedOver: passedOver, Err: err}
}
