// Hostile attacks installations as one stranger would, and says what becomes of everybody
// else:
//
//	make build && go run ./internal/proof/hostile/cmd/hostile -program bin/emostream -duration 20s
//
// It prints a line for each attack, and ends with 4 if one was not held.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/emostream/emostream/internal/proof/hostile"
)

// Exit codes.
const (
	failed      = 1
	usage       = 2
	notHeld     = 4
	interrupted = 130
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

type settings struct {
	hostile.Config
	attacks  *regexp.Regexp
	against  []string
	groups   int
	results  string
	write    string
	isolated bool
	perform  string
}

func run(args []string, stdout, stderr io.Writer) int {
	s, code := parse(args, stderr)
	if s == nil {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // the second signal ends the process
	var err error
	switch {
	case s.perform != "":
		err = perform(ctx, s.perform, stdout)
	case s.isolated:
		if err = hostile.SetUp(ctx); err == nil {
			err = s.attackAll(ctx, stdout)
		}
	default:
		code, done := isolate(ctx, args, stdout, stderr)
		if done {
			return code
		}
		s.Network.Forwarded = true
		fmt.Fprintln(stderr, "hostile: no network namespace can be made here, which takes root or user namespaces: clients are told apart by X-Forwarded-For alone, so connections are not held to the share of an address")
		err = s.attackAll(ctx, stdout)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNotHeld):
		code = notHeld
	case ctx.Err() != nil:
		code = interrupted
	default:
		code = failed
	}
	fmt.Fprintln(stderr, "hostile:", err)
	return code
}

// parse reads the command line. It returns nil and an exit code if there is nothing to
// do.
func parse(args []string, stderr io.Writer) (*settings, int) {
	s := &settings{}
	flags := flag.NewFlagSet("hostile", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.Program, "program", "bin/emostream", "`path` of emostream")
	flags.DurationVar(&s.Duration, "duration", 20*time.Second, "how long each attack lasts, and the time before it")
	attacks := flags.String("attacks", "", "only those whose name this regular `expression` matches")
	against := flags.String("against", hostile.Up+","+hostile.Stages, "what is attacked")
	flags.IntVar(&s.groups, "groups", 0, "perform the attacks in so many groups, those of a group at once; then how long taps take decides nothing (default: one by one)")
	flags.StringVar(&s.Dir, "dir", "", "keep logs and data in `folder` (default: a temporary one, kept only after a failure)")
	flags.StringVar(&s.results, "results", "", "add the results to this `file`, and make the table of all that are in it")
	flags.StringVar(&s.write, "write", "", "write the table, or a summary, into these `pages`, separated by commas")
	flags.BoolVar(&s.isolated, "isolated", false, "for itself: it runs in a network namespace of its own")
	flags.StringVar(&s.perform, "perform", "", "for itself: perform one attack")
	list := flags.Bool("list", false, "only say what the attacks are")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil, 0
	case err != nil:
		return nil, usage
	}
	if *list {
		for _, a := range hostile.Attacks() {
			fmt.Fprintf(stderr, "%-16s %s\n", a.Name, a.What)
		}
		return nil, 0
	}
	var err error
	if s.attacks, err = regexp.Compile("^(" + *attacks + ")"); err != nil {
		fmt.Fprintln(stderr, "hostile: -attacks:", err)
		return nil, usage
	}
	s.against = strings.Split(*against, ",")
	return s, 0
}

// isolate runs this program again in a network namespace of its own. done is false if
// none can be made.
func isolate(ctx context.Context, args []string, stdout, stderr io.Writer) (code int, done bool) {
	self, err := os.Executable()
	if err != nil {
		return 0, false
	}
	try := exec.CommandContext(ctx, "ip", "-V")
	hostile.Isolate(try, os.Geteuid() == 0, os.Getuid(), os.Getgid())
	if try.Run() != nil {
		return 0, false
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, append([]string{"-isolated"}, args...)...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	hostile.Isolate(cmd, os.Geteuid() == 0, os.Getuid(), os.Getgid())
	err = cmd.Run() // an interrupt reaches it, too, and ends it
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), true
	}
	if err != nil {
		fmt.Fprintln(stderr, "hostile:", err)
		return failed, true
	}
	return 0, true
}

// perform performs one attack, and prints what it has sent.
func perform(ctx context.Context, order string, stdout io.Writer) error {
	var o hostile.Order
	if err := json.Unmarshal([]byte(order), &o); err != nil {
		return err
	}
	for _, a := range hostile.Attacks() {
		if a.Name == o.Attack {
			ctx, cancel := context.WithTimeout(ctx, o.Duration)
			defer cancel()
			sent, err := hostile.Perform(ctx, a, o.Target, o.Address)
			if err != nil {
				return err
			}
			return json.NewEncoder(stdout).Encode(sent)
		}
	}
	return fmt.Errorf("there is no attack %q", o.Attack)
}

// errNotHeld says that an attack was not held.
var errNotHeld = errors.New("not every attack was held")

// attackAll performs all attacks that were asked for, and prints a line for each.
func (s *settings) attackAll(ctx context.Context, stdout io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s.Attacker = self
	dir := s.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "hostile-"); err != nil {
			return err
		}
	}
	var results []hostile.Result
	held := true
	for _, group := range s.grouped() {
		for _, against := range s.against {
			cfg := s.Config
			cfg.Against, cfg.Attacks, cfg.Slow = against, group, s.groups > 0
			cfg.Dir = filepath.Join(dir, against+"-"+group[0].Name)
			if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
				return err
			}
			r, err := hostile.Run(ctx, cfg)
			if err != nil {
				return fmt.Errorf("%s, %s (logs are in %s): %w", against, group[0].Name, cfg.Dir, err)
			}
			fmt.Fprintln(stdout, r)
			if len(r.Wrong) > 0 {
				held = false
				fmt.Fprintf(stdout, "  p99 in each second from the beginning of the attack on: %v; clients met %v; logs are in %s\n", r.Seconds, r.Failures, cfg.Dir)
			} else if s.Dir == "" {
				if err := os.RemoveAll(cfg.Dir); err != nil {
					return err
				}
			}
			results = append(results, r)
		}
	}
	if s.results != "" {
		if results, err = hostile.Append(s.results, results); err != nil {
			return err
		}
	}
	if s.write != "" {
		for page := range strings.SplitSeq(s.write, ",") {
			if err := hostile.Write(page, results); err != nil {
				return err
			}
		}
	}
	if !held {
		return errNotHeld
	}
	if s.Dir == "" {
		return os.RemoveAll(dir)
	}
	return nil
}

// grouped returns the attacks that were asked for, in the groups that are performed at
// once.
func (s *settings) grouped() [][]hostile.Attack {
	var chosen []hostile.Attack
	for _, a := range hostile.Attacks() {
		if s.attacks.MatchString(a.Name) {
			chosen = append(chosen, a)
		}
	}
	n := len(chosen)
	if s.groups > 0 {
		n = min(n, s.groups)
	}
	groups := make([][]hostile.Attack, n)
	for i, a := range chosen {
		groups[i%n] = append(groups[i%n], a)
	}
	return groups
}
