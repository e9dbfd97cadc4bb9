#!/bin/sh
# Nothing here deletes /var/lib/pingr: it has the keys of linked numbers, which
# no backup can restore. The user stays because the directory is its own.
set -e
case "$1" in
  purge) rm -f /etc/systemd/system/multi-user.target.wants/pingr.service ;;
esac
[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
case "$1" in
  purge | 0)
    if [ -d /var/lib/pingr ]; then
      echo "The data is still in /var/lib/pingr. To delete it and its user: rm -r /var/lib/pingr; userdel pingr"
    fi
    ;;
esac
