"""Become another program that ends when its supervisor ends.

Run as a script, on the standard library alone: it must start within milliseconds, and it
gives up root before it becomes PostgreSQL, which refuses to run as root. The process id
stays the same throughout.

    launch.py PARENT ORPHAN_SIGNAL UID GID PROGRAM [ARGUMENT …]

UID and GID are ``-`` to stay who we are.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Drop privileges, tie our life to the supervisor's, and become the program."""
    parent, orphan_signal, uid, gid, *command = sys.argv[1:]
    os.umask(0o077)
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        # Only now: the kernel forgets the request when the user changes.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit("the supervisor was gone before the program began")
    try:
        os.execv(command[0], command)  # noqa: S606 - becoming the program is the purpose
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
