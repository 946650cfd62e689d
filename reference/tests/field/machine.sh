#!/bin/sh
# Process 1 of a private machine: this one's file system, but what is written is in memory.
#
#   machine.sh FOLDER CHECKOUT COMMAND...      unshare runs it, in namespaces of its own
#
# FOLDER is an empty directory. On the machine CHECKOUT is /mnt, and /service is empty.
set -e
folder=$1 checkout=$2
shift 2
ip link set lo up
mount -t tmpfs tmpfs "$folder"
root=$folder/root
mkdir "$folder/upper" "$folder/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" overlay "$root"
mkdir -p "$root/service"
for empty in dev run service; do mount -t tmpfs -o mode=0755 tmpfs "$root/$empty"; done
mount -t proc proc "$root/proc"
cd "$root/dev"
for device in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
    echo "$device" | { read -r name major minor; mknod -m 0666 "$name" c "$major" "$minor"; }
done
mkdir pts shm
chmod 1777 shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts pts
ln -s pts/ptmx ptmx
ln -s /proc/self/fd fd
ln -s fd/0 stdin
ln -s fd/1 stdout
ln -s fd/2 stderr
mount --bind "$checkout" "$root/mnt"
exec chroot "$root" "$@"
