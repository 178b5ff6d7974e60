"""Finding the handler: 'module.function', 'a/b.function', 'a.b.function'."""
import importlib
import importlib.util
import os
import sys

from .errors import Fault


def load(handler, task_root):
    """Returns the handler function, or raises Fault or what the module raised."""
    try:
        module_name, function = handler.rsplit(".", 1)
    except ValueError as e:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '{}': {}".format(handler, e))
    name = module_name.replace("/", ".")
    if not function or "" in name.split("."):
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '{}': not a module and a function".format(handler))
    if name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", "Cannot use built-in module {} as a handler module".format(name))
    try:
        module = _import(name, task_root)
    except ImportError as e:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '{}': {}".format(module_name, e))
    except SyntaxError as e:
        where = '  File "{}" Line {}\n    {}'.format(e.filename, e.lineno, e.text)
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '{}': {}".format(module_name, e), [where])
    try:
        return getattr(module, function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '{}' missing on module '{}'".format(function, module_name))


def _import(name, task_root):
    """Imports the function's module, even if the standard library has one of the
    same name that is loaded already."""
    file = os.path.join(task_root, name + ".py")
    loaded = sys.modules.get(name)
    if loaded is None or getattr(loaded, "__file__", None) == file or not os.path.isfile(file):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
