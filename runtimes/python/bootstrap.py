"""What a Python function's process runs: it speaks the framed protocol
(docs/runtime-api.md) on file descriptor 3 and calls the handler.

The process starts generic. Everything about the function comes in the init
frame, so that a process can wait, already started, for whichever version needs
one. Works with Python 3.6 and later, standard library only.
"""
import sys

from ebb_runtime.instance import main

if __name__ == "__main__":
    if sys.flags.no_site:
        from ebb_runtime.packages import add_packages
        add_packages()
    if sys.argv[1:] == ["zygote"]:
        from ebb_runtime.zygote import wait
        wait()
    main(3)
