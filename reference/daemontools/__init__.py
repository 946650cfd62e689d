"""The daemontools programs in plain Python.

Read `programs/svok.py` first: it is the shortest. The README has an order for the rest.

* `programs/` one module a program, each with a `main(argv)`;
* `core/` the logic that needs no kernel;
* `fast/` the same as three modules of `core/`, quicker and harder to read: skip it at first;
* `unix/` what the programs share in calls to the kernel, one idea a file;
* `loading.py` imports all these quickly: skip it at first, too.

For users of the package, not among the seventeen programs:

* `install.py`, `installing/` write the launchers, check them, and remove them;
* `companion/` the command `daemontools`: status, wait, logs, check, new, watch;
* `services.py` asks how services are;
* `logs.py` reads the logs that multilog writes;
* `tai64.py` TAI64 labels, in both directions;
* `scripts.py` the commands that pip installs.
"""

__version__ = "0.1.0"
