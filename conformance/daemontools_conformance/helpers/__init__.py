"""What the tests of several programs share."""
