#!/bin/busybox sh
# First program of the proving ground, run from the initramfs: finds the disks and hands over to `init.sh` on the
# root disk. The jail cannot pivot away from an initramfs, and users' machines do not run on one, so it stays here
# only for the tenth of a second that this takes.
set -e
export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
for module in virtio_pci virtio_blk virtio_console; do
    modprobe "$module"
done
mount -t ext4 -o noatime /dev/vda /root
mount --move /dev /root/dev
umount /proc /sys
exec switch_root /root /ground/init.sh
