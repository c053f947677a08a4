package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The health check of the image finds the server that the container runs, wherever its
// flags, the environment and the settings file put it.
func TestHealthURLs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(file, []byte("common: {metrics-listen: 0.0.0.0:9100}\nserve: {listen: '0.0.0.0:8001'}\nup: {port: 8002}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		runs string // the command line of process 1, with spaces for zeros; "": not known
		env  map[string]string
		want string // URLs, or the error
	}{
		"nothing is known":             {"", nil, "http://127.0.0.1:5000/readyz"},
		"another program runs":         {"/sbin/init splash", nil, "http://127.0.0.1:5000/readyz"},
		"the environment of serve":     {"", map[string]string{"EMOSTREAM_LISTEN": "0.0.0.0:8000"}, "http://127.0.0.1:8000/readyz"},
		"the environment of up":        {"", map[string]string{"EMOSTREAM_PORT": "8000"}, "http://127.0.0.1:8000/readyz"},
		"a file that has both":         {"", map[string]string{"EMOSTREAM_CONFIG": file}, "http://127.0.0.1:8002/readyz http://127.0.0.1:8001/readyz"},
		"up":                           {"/usr/bin/emostream up", nil, "http://127.0.0.1:5000/readyz"},
		"up by its environment":        {"/usr/bin/emostream up", map[string]string{"EMOSTREAM_PORT": "8000", "EMOSTREAM_LISTEN": "0.0.0.0:1"}, "http://127.0.0.1:8000/readyz"},
		"up by its flags":              {"emostream up --host [::] --public-url http://h --port 8000", map[string]string{"EMOSTREAM_PORT": "1"}, "http://127.0.0.1:8000/readyz"},
		"up on one address":            {"emostream up --host=::1", nil, "http://[::1]:5000/readyz"},
		"serve by its file":            {"emostream serve --config " + file, nil, "http://127.0.0.1:8001/readyz"},
		"behind an init":               {"/sbin/docker-init -- /usr/bin/emostream serve --listen :8000", nil, "http://127.0.0.1:8000/readyz"},
		"behind a user of that name":   {"runuser -u emostream -- emostream serve --listen :6000", nil, "http://127.0.0.1:6000/readyz"},
		"behind sudo in a folder":      {"sudo -u emostream -D /srv/emostream /usr/bin/emostream --color never serve --listen :6000", nil, "http://127.0.0.1:6000/readyz"},
		"of a user of that name":       {"runuser -u emostream -- /sbin/init", nil, "http://127.0.0.1:5000/readyz"},
		"serve by its port alone":      {"emostream serve --listen 8000", nil, "http://127.0.0.1:8000/readyz"},
		"subscribe":                    {"emostream subscribe --name sub7", nil, "http://127.0.0.1:5007/readyz"},
		"subscribe by its environment": {"emostream subscribe", map[string]string{"EMOSTREAM_LISTEN": "10.0.0.1:8000"}, "http://10.0.0.1:8000/readyz"},
		"serve with HTTPS":             {"emostream serve --https-cert c.pem --listen :8000", nil, "https://127.0.0.1:8000/readyz"},
		"HTTPS in the environment":     {"", map[string]string{"EMOSTREAM_HTTPS_CERT": "c.pem", "EMOSTREAM_PORT": "8000", "EMOSTREAM_LISTEN": ":8001"}, "https://127.0.0.1:8000/readyz https://127.0.0.1:8001/readyz"},
		"HTTPS alone":                  {"", map[string]string{"EMOSTREAM_HTTPS_CERT": "c.pem"}, "https://127.0.0.1:5000/readyz"},
		"aggregate beside HTTPS":       {"emostream aggregate --metrics-listen 9100", map[string]string{"EMOSTREAM_HTTPS_CERT": "c.pem"}, "http://127.0.0.1:9100/metrics"},
		"aggregate":                    {"emostream aggregate", map[string]string{"EMOSTREAM_METRICS_LISTEN": "9100"}, "http://127.0.0.1:9100/metrics"},
		"publish by its file":          {"emostream publish", map[string]string{"EMOSTREAM_CONFIG": file}, "http://127.0.0.1:9100/metrics"},
		"aggregate without an address": {"emostream aggregate", nil, `emostream aggregate cannot be asked at "": give the URL, as in emostream healthcheck http://localhost:5000/readyz, or the command --metrics-listen`},
		"a free port":                  {"emostream up --port 0", nil, `emostream up cannot be asked at "127.0.0.1:0": give the URL`},
		"a wrong setting":              {"emostream up", map[string]string{"EMOSTREAM_PORT": "http"}, `EMOSTREAM_PORT="http": want a whole number`},
	} {
		t.Run(what, func(t *testing.T) {
			lookup := func(name string) (string, bool) {
				if v, ok := tt.env[name]; ok || name != "EMOSTREAM_CONFIG" {
					return v, ok
				}
				return "", true // no file of the user who runs this test
			}
			urls, err := healthURLs(argsOf([]byte(strings.ReplaceAll(tt.runs, " ", "\x00")+"\x00")), lookup)
			got := strings.Join(urls, " ")
			if err != nil {
				got = fmt.Sprint(err)
			}
			if got != tt.want && (err == nil || !strings.HasPrefix(got, tt.want)) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
