#!/bin/sh
# Creates the user before files that belong to its group are unpacked.
set -e
if ! getent passwd pingr >/dev/null; then
  useradd --system --user-group --home-dir /var/lib/pingr --no-create-home \
    --shell /usr/sbin/nologin --comment "Pingr" pingr
fi
