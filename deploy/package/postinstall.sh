#!/bin/sh
# The first installation enables the service if the distribution's policy says so
# (Debian: yes, Fedora: no). Whenever it is enabled, the new version is started.
# dpkg calls this with "configure" and the version before, RPM with 1 or 2.
set -e
case "$1 $2" in
  "configure " | 1*) first=yes ;;
  configure* | abort-* | 2*) first=no ;;
  *) exit 0 ;;
esac
# Commands that root runs before the first start find a directory that is the
# service's own.
if [ ! -d /var/lib/pingr ]; then
  install -d -o pingr -g pingr -m 0700 /var/lib/pingr
fi
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ "$first" = yes ]; then
  systemctl preset pingr.service >/dev/null 2>&1 || true
fi
# A port that is taken fails the service, and its log says so, but not the
# installation.
if systemctl --quiet is-enabled pingr.service 2>/dev/null; then
  systemctl restart pingr.service || true
fi
