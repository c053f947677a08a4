package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// secureProperties returns the lines of server.properties for a second listener with
// TLS, on which clients log in. They also set an authorizer: whatever such clients do
// needs an ACL. Clients of the plain listener are ANONYMOUS, and may do everything.
func (c *Cluster) secureProperties(users map[string]string) map[string]string {
	plain := []string{"org.apache.kafka.common.security.plain.PlainLoginModule required"}
	for _, user := range slices.Sorted(maps.Keys(users)) {
		plain = append(plain, fmt.Sprintf("user_%s=%q", user, users[user]))
	}
	scram := "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	return map[string]string{
		"listener.security.protocol.map":                      "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
		"sasl.enabled.mechanisms":                             "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.secure.plain.sasl.jaas.config":         strings.Join(plain, " ") + ";",
		"listener.name.secure.scram-sha-256.sasl.jaas.config": scram,
		"listener.name.secure.scram-sha-512.sasl.jaas.config": scram,
		"listener.name.secure.ssl.keystore.type":              "PEM",
		"listener.name.secure.ssl.keystore.location":          filepath.ToSlash(filepath.Join(c.dir, "broker.pem")),
		"authorizer.class.name":                               "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                                         "User:ANONYMOUS",
	}
}

// scramArguments returns the arguments that create the users when a broker's data
// folder is formatted.
func scramArguments(users map[string]string) (args []string) {
	for _, user := range slices.Sorted(maps.Keys(users)) {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, user, users[user]))
		}
	}
	return args
}

// checkUsers returns an error if a name or a password has a character that would have
// to be escaped somewhere.
func checkUsers(users map[string]string) error {
	for user, password := range users {
		if user == "" || password == "" || strings.ContainsAny(user+password, "[],=\"\\; \n") {
			return fmt.Errorf("user %q: names and passwords are not empty, and without brackets, commas, equals signs, quotes, semicolons and spaces", user)
		}
	}
	return nil
}

// SecureAddrs returns the addresses of the second listener; see Options.Users.
func (c *Cluster) SecureAddrs() []string {
	addrs := make([]string, len(c.brokers))
	for i, b := range c.brokers {
		addrs[i] = b.secure
	}
	return addrs
}

// CA returns the file with the certificate of the authority that signed the brokers'
// certificate.
func (c *Cluster) CA() string { return filepath.Join(c.dir, "ca.pem") }

// certify makes an authority, and the certificate and key of the brokers, which are all on this machine.
func (c *Cluster) certify() error {
	ca, err := newCertificate("kafkatest", nil)
	if err != nil {
		return err
	}
	broker, err := newCertificate("localhost", ca)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(broker.key)
	if err != nil {
		return err
	}
	chain := slices.Concat(pemBlock("PRIVATE KEY", key), pemBlock("CERTIFICATE", broker.raw), pemBlock("CERTIFICATE", ca.raw))
	return errors.Join(
		os.WriteFile(c.CA(), pemBlock("CERTIFICATE", ca.raw), 0o644),
		os.WriteFile(filepath.Join(c.dir, "broker.pem"), chain, 0o600),
	)
}

func pemBlock(kind string, b []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})
}

// certificate is a certificate with its key.
type certificate struct {
	*x509.Certificate
	raw []byte
	key *ecdsa.PrivateKey
}

// newCertificate makes a certificate for this machine, signed by ca. If ca is nil, it
// makes an authority's certificate, which signs itself.
func newCertificate(name string, ca *certificate) (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	c := &certificate{key: key, Certificate: &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		BasicConstraintsValid: true, IsCA: ca == nil,
	}}
	parent, signer := c.Certificate, key
	if ca == nil {
		c.KeyUsage = x509.KeyUsageCertSign
	} else {
		parent, signer = ca.Certificate, ca.key
	}
	c.raw, err = x509.CreateCertificate(rand.Reader, c.Certificate, parent, key.Public(), signer)
	return c, err
}
