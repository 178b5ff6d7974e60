"""The parts of the bootstrap: channel (frames), output (what is printed),
context, load (finding the handler), errors, instance (the loop)."""
