package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files that an editor has put a byte order mark before hold the same certificate and
// the same password. Files in UTF-16 are refused by that name.
func TestFilesOfOtherEditors(t *testing.T) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	dir := t.TempDir()
	file := func(text string) string {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	flags := kafkaSecurityFlags{tls: true, ca: file("\ufeff" + certificate)}
	if _, err := flags.security(); err != nil {
		t.Error(err)
	}
	flags.ca = file("\xff\xfe-\x00-\x00")
	if _, err := flags.security(); err == nil || !strings.Contains(err.Error(), "it is UTF-16") {
		t.Errorf("a certificate in UTF-16: %v", err)
	}
	flags = kafkaSecurityFlags{mechanism: "scram-sha-256", user: "ann", passwordFile: file("\ufeffhunter2\r\n")}
	if s, err := flags.security(); err != nil || s.Password != "hunter2" {
		t.Errorf("the password is %q, %v", s.Password, err)
	}
	flags.passwordFile = file("\xff\xfeh\x00u\x00")
	if _, err := flags.security(); err == nil || !strings.Contains(err.Error(), "it is UTF-16") {
		t.Errorf("a password in UTF-16: %v", err)
	}
}
