"""The faults for multilog: one system call that fails once, at one place.

strace refuses each call for one named file. multilog must say so, pause, try
again, and lose nothing.
"""

from daemontools_conformance.helpers.strace import PLAIN, Fault

PROCESSED = ("s4096", "!cat", "./log")


ISSUE = ("EIO", "ENOSPC", "EINTR")  # for the calls that matter most
RENAME = "rename,renameat,renameat2"
LINK = "link,linkat"
UNLINK = "unlink,unlinkat"
CHMOD = "chmod,fchmodat"
STAT = "stat,newfstatat,statx"
FORK = "clone,clone3,fork,vfork"
WAIT = "wait4,waitpid,waitid"
NO_MEMORY = ("EAGAIN", "ENOMEM")

STATUS = ("=status", *PLAIN)
ALONE = ("./log",)

# The beginnings of messages that occur more than once.
CREATE = "unable to create ./log"
MODE = "unable to set mode of ./log"
REMOVE = "unable to remove ./log"
WRITE = "unable to write ./log"
NEW_NAME = "unable to link to ./log/@LABEL.s"
TO_PREVIOUS = "unable to rename current to previous in directory ./log"
TO_STATE = "unable to rename newstate to state in directory ./log"
WAIT_FAILED = "wait failed for processor in ./log"
PROCESSOR_FAILED = "processor failed in ./log, pausing"

FAULTS = (
    Fault("write", "write", "/current", 1, "unable to write to ./log/current", PLAIN, ISSUE),
    Fault("later-write", "write", "/current", 2, "unable to write to ./log/current"),
    Fault("switch", "fchdir", "/", 2, "unable to switch to ./log"),
    Fault("sync", "fsync", "/current", 1, f"{WRITE}/current to disk", PLAIN, ISSUE),
    Fault("rename", RENAME, "current", 1, TO_PREVIOUS, PLAIN, ISSUE),
    Fault("create", "openat", "current", 2, f"{CREATE}/current", PLAIN, ISSUE),
    Fault("mode-of-current", "fchmod", "/current", 2, f"{MODE}/current"),
    Fault("mode-of-previous", CHMOD, "previous", 1, f"{MODE}/previous"),
    Fault("stat", STAT, "previous", 2, "unable to stat ./log/previous"),
    Fault("link", LINK, "previous", 1, NEW_NAME, PLAIN, ISSUE),
    Fault("remove", UNLINK, "previous", 1, f"{REMOVE}/previous"),
    Fault("read-directory", "openat", ".", 2, "unable to read ./log"),
    Fault("fork", FORK, "", 1, "unable to fork for processor in ./log", PROCESSED, NO_MEMORY),
    Fault("wait", WAIT, "", 1, WAIT_FAILED, PROCESSED, ("ECHILD", "EINTR"), PROCESSOR_FAILED),
    Fault("open-processed", "openat", "processed", 1, f"{CREATE}/processed", PROCESSED),
    Fault("sync-processed", "fsync", "/processed", 1, f"{WRITE}/processed to disk", PROCESSED),
    Fault("mode-of-processed", "fchmod", "/processed", 1, f"{MODE}/processed", PROCESSED),
    Fault("open-newstate", "openat", "newstate", 1, f"{CREATE}/newstate", PROCESSED),
    Fault("sync-newstate", "fsync", "/newstate", 1, f"{WRITE}/newstate to disk", PROCESSED),
    Fault("remove-input", UNLINK, "previous", 1, f"{REMOVE}/previous", PROCESSED),
    Fault("rename-newstate", RENAME, "newstate", 1, TO_STATE, PROCESSED),
    Fault("link-processed", LINK, "processed", 1, NEW_NAME, PROCESSED),
    Fault("remove-processed", UNLINK, "processed", 2, f"{REMOVE}/processed", PROCESSED),
    Fault("seek-status", "lseek", "status", 1, "unable to move to beginning of status", STATUS),
    Fault("write-status", "write", "status", 1, "unable to write status", STATUS, ISSUE),
    Fault("sync-at-end", "fsync", "/current", 1, f"{WRITE}/current to disk", ALONE),
    Fault("mode-at-end", "fchmod", "/current", 2, f"{MODE}/current", ALONE),
)
