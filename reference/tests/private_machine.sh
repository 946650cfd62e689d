#!/bin/sh
# Become process 1 of a private machine: the files of this one, but what is written is in memory.
#
#   private_machine.sh FOLDER FILES TREE CHECKOUT PATH COMMAND...
#
# unshare must run it, in namespaces of its own. FOLDER is an empty directory; FILES are laid
# over the machine's; TREE and CHECKOUT are seen as /tree and /checkout. FILES/setup is run
# before COMMAND, which then is process 1. Then TREE/.ready exists.
#
# What belongs to the kernel, and so to everybody, is read-only. Devices are nodes of the
# machine's own, because programs change their modes.
set -e
folder=$1 files=$2 tree=$3 checkout=$4 path=$5
shift 5
layers=${DAEMONTOOLS_MACHINE:-/}
lower=${layers%%:*}
more=${layers#"$lower"}

mount --make-rprivate /
mount -t tmpfs none "$folder"
upper=$folder/upper root=$folder/root
mkdir "$upper" "$folder/work" "$root"
IFS=:
# shellcheck disable=SC2086 # it is several words, or none
for layer in ${more#:} "$files"; do cp -a "$layer/." "$upper"; done
unset IFS
mount -t overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$folder/work" none "$root"

cd "$root"
mkdir -p tree checkout
mount --bind "$tree" tree
mount --bind "$checkout" checkout
mount -t proc none proc
mount --bind -o ro proc/sys proc/sys
for empty in run tmp dev; do mount -t tmpfs -o mode=0755 none $empty; done
mkdir dev/pts dev/shm
chmod 1777 tmp dev/shm
for device in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0' 'console 1 3'; do
    echo "$device" | { read -r name major minor; mknod -m 0666 "dev/$name" c "$major" "$minor"; }
done
mount -t devpts -o newinstance,ptmxmode=0666 none dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
# shellcheck disable=SC2016 # the inner shell expands it
exec env -i PATH="$path" container=namespaces \
    chroot . sh -ec '. /setup; cd /; : > /tree/.ready; exec "$@"' setup "$@"
