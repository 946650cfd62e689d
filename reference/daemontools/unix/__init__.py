"""System calls that several programs share or that need reasons, one idea in each file."""
