package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/text"
)

// passwordVariable is the environment variable with the password of --sasl-user. There
// is no flag for it: everybody who lists processes would see it.
const passwordVariable = "EMOSTREAM_SASL_PASSWORD"

// kafkaSecurityFlags say whether to speak TLS to Kafka and how to log in.
type kafkaSecurityFlags struct {
	tls          bool
	ca           string
	cert, key    string
	serverName   string
	mechanism    string
	user         string
	passwordFile string
}

func (f *kafkaSecurityFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.tls, "tls", false, "speak TLS to Kafka")
	fl.StringVar(&f.ca, "tls-ca", "", "trust the certificates of this PEM file, for --tls; default those that the system trusts")
	fl.StringVar(&f.cert, "tls-cert", "", "PEM file of the certificate that this client shows, for --tls")
	fl.StringVar(&f.key, "tls-key", "", "PEM file of the key of --tls-cert")
	fl.StringVar(&f.serverName, "tls-server-name", "", "name that the certificates of the brokers are made out to; default the host of each")
	fl.Var(newEnumFlag(&f.mechanism, "", string(kafka.Plain), string(kafka.ScramSHA256), string(kafka.ScramSHA512)), "sasl-mechanism", "log in to Kafka by plain, scram-sha-256 or scram-sha-512; default not at all")
	fl.StringVar(&f.user, "sasl-user", "", "user to log in as, for --sasl-mechanism")
	fl.StringVar(&f.passwordFile, "sasl-password-file", "", "file that holds the password of --sasl-user; default the environment, "+passwordVariable)
}

// securityIsSet says whether any of the flags is set.
func (f *kafkaSecurityFlags) securityIsSet() bool { return *f != kafkaSecurityFlags{} }

// security reads the files and the password that the flags name.
func (f *kafkaSecurityFlags) security() (s kafka.Security, err error) {
	if err := f.check(); err != nil {
		return s, err
	}
	if f.tls {
		if s.TLS, err = f.tlsConfig(); err != nil {
			return s, err
		}
	}
	if f.mechanism != "" {
		s.Mechanism, s.User = kafka.Mechanism(f.mechanism), f.user
		s.Password, err = f.password()
	}
	return s, err
}

// check refuses flags that need another one which is missing.
func (f *kafkaSecurityFlags) check() error {
	for _, needs := range []struct {
		name, value string
		met         bool
		other       string
	}{
		{"--tls-ca", f.ca, f.tls, "--tls"},
		{"--tls-cert", f.cert, f.tls, "--tls"},
		{"--tls-key", f.key, f.tls, "--tls"},
		{"--tls-server-name", f.serverName, f.tls, "--tls"},
		{"--tls-cert", f.cert, f.key != "", "--tls-key, the file of the certificate's key"},
		{"--tls-key", f.key, f.cert != "", "--tls-cert, the file of the key's certificate"},
		{"--sasl-user", f.user, f.mechanism != "", "--sasl-mechanism, one of plain, scram-sha-256 and scram-sha-512"},
		{"--sasl-password-file", f.passwordFile, f.mechanism != "", "--sasl-mechanism, one of plain, scram-sha-256 and scram-sha-512"},
		{"--sasl-mechanism", f.mechanism, f.user != "", "--sasl-user"},
	} {
		if needs.value != "" && !needs.met {
			return usagef("%s goes with %s, which is not given", needs.name, needs.other)
		}
	}
	return nil
}

// tlsConfig returns the configuration of TLS. The client's certificate is read again for each
// connection, so that a renewed one is used without a restart.
func (f *kafkaSecurityFlags) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{ServerName: f.serverName, MinVersion: tls.VersionTLS12}
	var err error
	if f.ca != "" {
		if c.RootCAs, err = readAuthorities(certificateFile{"--tls-ca", f.ca}); err != nil {
			return nil, err
		}
	}
	if f.cert != "" {
		cert, key := certificateFile{"--tls-cert", f.cert}, certificateFile{"--tls-key", f.key}
		if _, err := readKeyPair(cert, key); err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return readKeyPair(cert, key) }
	}
	return c, nil
}

// maxPassword is how many bytes a password may have in a file.
const maxPassword = 4096

// password returns the password of --sasl-user, from the environment or from the file,
// without the line end.
func (f *kafkaSecurityFlags) password() (string, error) {
	set, inEnvironment := os.LookupEnv(passwordVariable)
	switch {
	case inEnvironment && f.passwordFile != "":
		return "", usagef("the password is given twice, by %s and by --sasl-password-file: leave one out", passwordVariable)
	case inEnvironment && set == "":
		return "", usagef("%s is empty: it is the password of --sasl-user", passwordVariable)
	case inEnvironment:
		return set, nil
	case f.passwordFile == "":
		return "", usagef("there is no password for --sasl-user %s: set %s, or give --sasl-password-file", f.user, passwordVariable)
	}
	file, err := os.Open(f.passwordFile)
	if err != nil {
		return "", usagef("--sasl-password-file: %w", err)
	}
	defer file.Close()
	password, err := io.ReadAll(io.LimitReader(text.SkipMark(file), maxPassword+1))
	password = bytes.TrimSuffix(bytes.TrimSuffix(password, []byte("\n")), []byte("\r"))
	switch {
	case err != nil:
		return "", usagef("--sasl-password-file %s: %w", f.passwordFile, err)
	case len(password) == 0:
		err = errors.New("it is empty")
	case len(password) > maxPassword:
		err = fmt.Errorf("it is longer than %d bytes", maxPassword)
	case bytes.ContainsAny(password, "\r\n"):
		err = errors.New("it has more than one line")
	}
	if err != nil {
		return "", usagef("--sasl-password-file %s: %w: want a file that holds the password and nothing else", f.passwordFile, err)
	}
	return string(password), nil
}
