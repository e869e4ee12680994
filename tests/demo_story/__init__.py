"""What `make demo` tells: see tests/demo.py."""
