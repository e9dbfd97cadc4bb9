#!/bin/sh
# Stops the service when the package goes. During an upgrade it keeps running,
# and the new version restarts it. A Debian package that is installed again is
# enabled as it was.
set -e
[ -d /run/systemd/system ] || exit 0
case "$1" in
  remove) systemctl stop pingr.service || true ;;
  0) systemctl --quiet disable --now pingr.service || true ;;
esac
