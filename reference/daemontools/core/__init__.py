"""Logic that needs no kernel: no os, time, signal or sys is imported here."""
