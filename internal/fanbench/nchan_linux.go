package fanbench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/wire"
)

// nchanModule is where Debian's package libnginx-mod-nchan puts it.
const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

// FindNginx returns the path of an nginx that has nchan, or says what to install.
func FindNginx() (string, error) {
	const install = "install the distribution's packages nginx and libnginx-mod-nchan"
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		return "", fmt.Errorf("there is no nginx (%w): %s", err, install)
	}
	if _, err := os.Stat(nchanModule); err != nil {
		return "", fmt.Errorf("nginx has no nchan (%w): %s", err, install)
	}
	return path, nil
}

// nchanConfig is nginx's configuration: folder, workers, port. A worker has room
// for all connections, since nothing spreads them evenly.
const nchanConfig = `daemon off;
load_module ` + nchanModule + `;
worker_processes %[2]d;
worker_rlimit_nofile 20000;
pid %[1]s/nginx.pid;
error_log %[1]s/nginx-errors.log warn;
events { worker_connections 18000; }
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  server {
    listen 127.0.0.1:%[3]d backlog=4096;
    location = /sub {
      nchan_subscriber eventsource;
      nchan_channel_id main;
      nchan_subscriber_first_message -1;
    }
    location = /pub {
      nchan_publisher;
      nchan_channel_id main;
      nchan_message_buffer_length 64;
    }
    location = /ready { return 204; }
  }
}
`

// nchan is an nginx that pushes.
type nchan struct {
	nginx *program
	base  string
}

func (b *bench) startNchan(ctx context.Context) (*nchan, error) {
	ports, err := kafkatest.FreePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(b.Dir, "nginx.conf")
	text := fmt.Sprintf(nchanConfig, b.Dir, b.Workers, ports[0])
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	n := &nchan{base: "http://127.0.0.1:" + strconv.Itoa(ports[0])}
	if n.nginx, err = b.launch(ctx, "nginx", b.Nginx, "-p", b.Dir, "-c", config); err != nil {
		return nil, err
	}
	if err := n.nginx.until(ctx, n.base+"/ready"); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

func (n *nchan) URL() string { return n.base + "/sub" }

func (n *nchan) Processes() ([]int, error) { return family(n.nginx.process.ID()) }

func (n *nchan) Publish(ctx context.Context, s wire.Swarm) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.base+"/pub", bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("X-EventSource-Event", "swarm")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("nchan answered %s", res.Status)
	}
	return nil
}

func (n *nchan) Stop() error { return n.nginx.stop() }
