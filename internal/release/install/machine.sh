#!/bin/bash
# machine.sh DIR: boots systemd on a copy of this machine that is thrown away.
# Called in namespaces of its own (mount, PID, IPC, UTS, cgroup, network): only
# DIR/out is shared. systemd runs DIR/in/inside as the service "story" and ends
# after it; what it printed is in DIR/out.
set -eu
dir=$1
mount --make-rprivate /
mkdir -p "$dir/root"
mount -t tmpfs -o size=3g tmpfs "$dir/root"
cd "$dir/root"
mkdir upper work new
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work new
cd new
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
  touch dev/$node
  mount --bind /dev/$node dev/$node
done
mkdir dev/shm dev/pts
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
for tmp in run tmp dev/shm; do mount -t tmpfs -o mode=1777 tmpfs $tmp; done
mkdir -p mnt/in mnt/out
mount --bind -o ro "$dir/in" mnt/in
mount --bind "$dir/out" mnt/out
ip link set lo up
# dpkg may start services, which it must not do where there is no systemd.
rm -f usr/sbin/policy-rc.d

# Nothing of this machine's own is started, except the journal.
for unit in $(find etc/systemd/system lib/systemd/system -path '*.wants/*' -printf '%f\n' | sort -u); do
  case $unit in systemd-journald*) ;; *) ln -sf /dev/null "etc/systemd/system/$unit" ;; esac
done
cat >etc/systemd/system/story.service <<UNIT
[Unit]
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
TimeoutStartSec=infinity
Environment=PINGR_INSIDE=yes HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
WorkingDirectory=/
ExecStart=/mnt/in/inside $2
ExecStopPost=/bin/sh -c 'echo "\$SERVICE_RESULT" >/mnt/out/result'
StandardOutput=file:/mnt/out/log
StandardError=inherit
UNIT
printf '[Unit]\nWants=story.service\nAllowIsolate=yes\n' >etc/systemd/system/story.target
# Not chroot, in which a service could not have a user namespace of its own.
mkdir -p mnt/old
pivot_root . mnt/old
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c 'umount -l /mnt/old
exec /lib/systemd/systemd --system --unit=story.target --log-target=console --show-status=no' \
  >/mnt/out/systemd 2>&1 </dev/null
