"""Code of the function's that runs at points of its instance's life, apart from
invocations: 'module.function', with the context or without arguments."""
import os

from .load import load

_VARIABLES = {"initializer": "EBB_INITIALIZER", "pre-freeze": "EBB_PRE_FREEZE", "pre-stop": "EBB_PRE_STOP"}


def load_hooks(task_root):
    """Returns the functions that the environment names, by hook. A name that
    leads nowhere is an error now, not when the hook's time has come."""
    return {hook: load(os.environ[name], task_root) for hook, name in _VARIABLES.items() if os.environ.get(name)}


def call(function, context):
    """Calls a hook's function as it was written."""
    code = getattr(function, "__code__", None)
    takes = 1
    if code is not None and not code.co_flags & 0x04:  # *args
        takes = code.co_argcount - (1 if getattr(function, "__self__", None) is not None else 0)
    return function(context) if takes else function()
