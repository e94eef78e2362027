"""runlog imports most of its modules by name, when they are first used: PyInstaller sees none of
them. The server and the command line are left out; a program that needs them imports them."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

_LEFT_OUT = ("cli", "commands", "mlflow_python", "pyinstaller", "serve", "server")


def _is_wanted(name: str) -> bool:
    return name.split(".")[1:2] == [] or name.split(".")[1] not in _LEFT_OUT


hiddenimports = collect_submodules("runlog", filter=_is_wanted, on_error="ignore")
datas = collect_data_files("runlog", excludes=["pyinstaller"])
