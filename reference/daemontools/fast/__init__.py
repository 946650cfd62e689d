"""What is only quick: each module does what the module of its name in `core/` says plainly."""
