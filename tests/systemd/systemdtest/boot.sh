#!/bin/sh
# Becomes process 1 of a machine of its own: boot.sh WORK SOURCES BINARY...
#
# It runs in new namespaces (mount, pid, net, ipc, uts, cgroup), as their first process. Its root is an
# overlay over the machine's, whose writable half is in memory, and everything else that systemd could
# write to is made anew or read-only: nothing of it outlives the machine, and nothing else sees it.
set -eu

work=$1 sources=$2
shift 2
root=$work/root

main() {
    mount --make-rprivate /
    mount -t tmpfs -o mode=0755,size=2g tmpfs "$work"
    mkdir "$work/upper" "$work/work" "$root"
    mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" overlay "$root"
    forget
    devices
    kernel
    for directory in run tmp var/tmp; do
        mount -t tmpfs -o mode=1777,nosuid,nodev,size=256m tmpfs "$root/$directory"
    done
    chmod 0755 "$root/run"
    mkdir -p "$root/usr/src/laniakea/target/release"
    for directory in config packaging; do
        mkdir "$root/usr/src/laniakea/$directory"
        show "$sources/$directory" "$root/usr/src/laniakea/$directory"
    done
    for binary in "$@"; do
        file=$root/usr/src/laniakea/target/release/${binary##*/}
        : >"$file"
        show "$binary" "$file"
    done
    units
    # Who runs commands in here looks for this file first, and so never does it outside by mistake.
    : >"$root/.laniakea-test-machine"
    mkdir -p "$root/mnt"
    cd "$root"
    pivot_root . mnt
    # Mounts are shared among the namespaces in here, as systemd expects it of who makes a container: it
    # mounts credentials elsewhere and moves them. The clock and the modules are the whole kernel's.
    # shellcheck disable=SC2016 # the inner shell expands it
    exec chroot . /bin/sh -c 'umount -l /mnt && mount --make-rshared / &&
        exec env -i container=laniakea-test PATH="$PATH" \
        setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-syslog -- "$@"' sh \
        /lib/systemd/systemd --system --unit=laniakea-test.target --log-target=console --show-status=no
}

# What the machine outside has of Laniakea, and units that somebody has enabled there.
forget() {
    find "$root/etc/systemd/system" "$root/etc/polkit-1/rules.d" -mindepth 1 -delete
    for path in etc/laniakea etc/machine-id var/lib/dbus/machine-id var/lib/keeper var/lib/lighthouse \
        var/lib/lookout var/lib/mirk srv/archive; do
        rm -rf "${root:?}/$path"
    done
    tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
}

devices() {
    mount -t tmpfs -o mode=0755,nosuid,size=1m tmpfs "$root/dev"
    for device in null:3 zero:5 full:7 random:8 urandom:9; do
        mknod -m 0666 "$root/dev/${device%:*}" c 1 "${device#*:}"
    done
    mknod -m 0666 "$root/dev/tty" c 5 0
    mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    mount -t tmpfs -o mode=1777,nosuid,nodev,size=64m tmpfs "$root/dev/shm"
    for link in fd: stdin:/0 stdout:/1 stderr:/2; do
        ln -s "/proc/self/fd${link#*:}" "$root/dev/${link%:*}"
    done
}

# /proc and /sys of these namespaces. Much in there is the whole kernel's, and so not to be written.
kernel() {
    mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
    for path in sys sysrq-trigger irq bus; do
        [ ! -e "$root/proc/$path" ] || show "$root/proc/$path" "$root/proc/$path"
    done
    mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
}

# show FROM TO: to be read there, and not to be written.
show() {
    mount --bind "$1" "$2"
    mount -o remount,bind,ro "$2"
}

units() {
    for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udev-settle.service \
        systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-tmpfiles-clean.service \
        systemd-tmpfiles-clean.timer systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service \
        systemd-sysctl.service systemd-modules-load.service systemd-random-seed.service \
        systemd-journal-flush.service systemd-update-utmp.service systemd-binfmt.service \
        systemd-remount-fs.service systemd-logind.service systemd-networkd.service \
        systemd-timesyncd.service systemd-resolved.service dev-hugepages.mount \
        sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount \
        sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount \
        getty.target timers.target paths.target remote-fs.target swap.target local-fs.target; do
        ln -s /dev/null "$root/etc/systemd/system/$unit"
    done
    mkdir -p "$root/etc/systemd/journald.conf.d"
    printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' \
        >"$root/etc/systemd/journald.conf.d/laniakea-test.conf"
    : >"$root/etc/fstab"
    cat >"$root/etc/systemd/system/laniakea-test.target" <<-'END'
	[Unit]
	Description=A machine that is up, without what only real ones need
	Requires=basic.target dbus.service
	After=basic.target dbus.service
	AllowIsolate=yes
	END
}

main "$@"
