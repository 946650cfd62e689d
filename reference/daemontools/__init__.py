"""The daemontools programs in plain Python.

Read `programs/svok.py` first: it is the shortest. Then `unix/start.py`, which
makes a Python process behave like the C program that it replaces.

* `programs/` one module a program, each with a `main(argv)`;
* `core/` the logic that needs no kernel;
* `unix/` the only code that calls the kernel, one idea a file.
"""

__version__ = "0.1.0"
