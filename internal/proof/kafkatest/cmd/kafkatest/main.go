// Kafkatest runs a command beside an Apache Kafka cluster of its own:
//
//	go run ./internal/proof/kafkatest/cmd/kafkatest -brokers 3 -- go test ./...
//
// The command finds the brokers' addresses in EMOSTREAM_TEST_BROKERS, and in EMOSTREAM_TEST_BROKER_CONTROL an address
// at which it can kill and start them (package kafkatest says how). Its exit code is passed on. Without a command the
// cluster runs until it is interrupted; the two variables are printed as a shell would set them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/proof/process"
)

// Exit codes of this program itself. The command's exit code is passed on.
const (
	failed      = 1
	usage       = 2
	interrupted = 130
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	opts := kafkatest.Options{Properties: map[string]string{}, Users: map[string]string{}}
	flags := flag.NewFlagSet("kafkatest", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&opts.Brokers, "brokers", 3, "how many brokers")
	flags.StringVar(&opts.Dir, "dir", "", "keep the brokers' data and logs in `folder` (default: a temporary one, kept only after a failure)")
	flags.Func("set", "`key=value` for every broker's server.properties; may be repeated", func(s string) error {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want key=value")
		}
		opts.Properties[key] = value
		return nil
	})
	flags.Func("user", "`name=password` of one who may log in on a second listener, with TLS; may be repeated", func(s string) error {
		name, password, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want name=password")
		}
		opts.Users[name] = password
		return nil
	})
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: kafkatest [flags] [-- command [argument ...]]")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return usage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := around(ctx, opts, flags.Args(), stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "kafkatest:", err)
	}
	return code
}

// around runs the command beside a cluster, and returns the exit code.
func around(ctx context.Context, opts kafkatest.Options, command []string, stdout, stderr io.Writer) (code int, err error) {
	if opts.Dir == "" {
		if opts.Dir, err = os.MkdirTemp("", "kafkatest-"); err != nil {
			return failed, err
		}
		defer func() {
			if code == 0 || code == interrupted {
				err = errors.Join(err, os.RemoveAll(opts.Dir))
			} else {
				fmt.Fprintln(stderr, "kafkatest: the brokers' logs are in", opts.Dir)
			}
		}()
	}
	began := time.Now()
	cluster, err := kafkatest.Start(ctx, opts)
	if err != nil {
		return failed, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	control, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return failed, err
	}
	server := &http.Server{Handler: cluster.Handler(), ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(control) }) // returns an error after Close
	defer serving.Wait()
	defer server.Close()
	fmt.Fprintf(stderr, "kafkatest: Apache Kafka %s, %d brokers, up in %.1f s\n",
		kafkatest.Version, len(cluster.Addrs()), time.Since(began).Seconds())
	if len(opts.Users) > 0 {
		fmt.Fprintf(stderr, "kafkatest: with TLS (%s) and a login: %s\n", cluster.CA(), strings.Join(cluster.SecureAddrs(), ","))
	}
	env := []string{
		kafkatest.BrokersVariable + "=" + strings.Join(cluster.Addrs(), ","),
		kafkatest.ControlVariable + "=http://" + control.Addr().String(),
	}
	if len(command) == 0 {
		fmt.Fprintf(stdout, "export %s\n", strings.Join(env, " "))
		<-ctx.Done()
		return 0, nil
	}
	return execute(ctx, command, env)
}

// execute runs the command and returns its exit code.
func execute(ctx context.Context, command, env []string) (int, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := process.Run(cmd)
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return 0, nil
	case ctx.Err() != nil:
		return interrupted, context.Cause(ctx)
	case ok && exit.Exited():
		return exit.ExitCode(), nil
	default:
		return failed, fmt.Errorf("%s: %w", command[0], err)
	}
}
