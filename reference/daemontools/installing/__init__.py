"""What the installer does, apart from the launchers: files, copies, pages, checks."""
