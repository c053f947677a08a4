#!/bin/sh
# After an installation or an upgrade: what runs goes on as the new version. Nothing is started that was not.
set -e
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart 'emostream-*.service'
fi
