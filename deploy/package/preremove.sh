#!/bin/sh
# Before the program goes (not before an upgrade, which deb calls "upgrade" and rpm 1): what runs is stopped.
set -e
case "${1:-}" in
remove | 0) ;;
*) exit 0 ;;
esac
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
	systemctl disable emostream-serve emostream-aggregate emostream-publish emostream-subscribe@.service emostream-up
	systemctl stop 'emostream-*.service'
fi
