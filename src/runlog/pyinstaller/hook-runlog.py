"""runlog imports most of its modules by name, when they are first used: PyInstaller sees none of
them. The server and the command line are left out; a program that needs them imports them."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

_LEFT_OUT = ("cli", "commands", "mlflow_python", "pyinstaller", "serve", "server")
_FLAVORS = "flavors/**/*.py"


def _is_wanted(name: str) -> bool:
    return name.split(".")[1:2] == [] or name.split(".")[1] not in _LEFT_OUT


# Flavours are submodules of runlog by its __path__, which PyInstaller does not read: they come as
# source files.
_files = collect_data_files("runlog", include_py_files=True, includes=[_FLAVORS])
_flavors = {file.rpartition("flavors")[2][1:].partition(".")[0] for file, _ in _files}
_flavors |= {name.replace("\\", "/").partition("/")[0] for name in _flavors}

hiddenimports = [
    name
    for name in collect_submodules("runlog", filter=_is_wanted, on_error="ignore")
    if ".".join(name.split(".")[1:2]) not in _flavors
]
datas = collect_data_files("runlog", excludes=["pyinstaller"]) + _files
