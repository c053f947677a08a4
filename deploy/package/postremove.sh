#!/bin/sh
# After a removal. The log of up stays, in /var/lib/private/emostream.
set -e
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
