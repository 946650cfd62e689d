"""The only code that calls the kernel, one idea a file."""
