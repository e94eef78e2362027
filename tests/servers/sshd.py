from __future__ import annotations

import getpass
import os
import subprocess
from pathlib import Path

from servers import HOST, Server, connect, tool

HOW = "apt-get install openssh-server"


class Sshd(Server):
    """OpenSSH with SFTP, for the user who runs the tests. `env` leads to a home with ~/.ssh: a key,
    known_hosts, and a config that knows the server as `artifacts` too."""

    def prepare(self) -> None:
        user = getpass.getuser()
        files, home = self.folder / "files", self.folder / "home"
        ssh = home / ".ssh"
        for folder in (files, ssh):
            folder.mkdir(parents=True)
        host_key, key = self.folder / "host_key", ssh / "id_ed25519"
        for each in (host_key, key):
            keygen = [tool("ssh-keygen", HOW), "-q", "-t", "ed25519", "-N", "", "-f", str(each)]
            subprocess.run(keygen, check=True)
        host_name = f"[{HOST}]:{self.port}"
        (ssh / "known_hosts").write_text(f"{host_name} {_public(host_key)}")
        (ssh / "authorized_keys").write_text(_public(key))
        (ssh / "config").write_text(
            f"Host artifacts\n  HostName {HOST}\n  Port {self.port}\n  User {user}\n"
            f"Host *\n  IdentityFile {key}\n"
        )
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress {HOST}\nHostKey {host_key}\n"
            f"AuthorizedKeysFile {ssh / 'authorized_keys'}\nStrictModes no\nPidFile none\n"
            "PasswordAuthentication no\nUsePAM no\nSubsystem sftp internal-sftp\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it, empty, for its children
        self.uri = f"sftp://{user}@{HOST}:{self.port}{files}"
        self.alias_uri = f"sftp://artifacts{files}"
        self.env = {"HOME": str(home)}
        self.command = [tool("sshd", HOW), "-D", "-e", "-f", str(config)]

    def answer(self) -> None:
        with connect(self.port) as connection:
            if not connection.recv(4).startswith(b"SSH-"):
                raise ConnectionError("no greeting")


def _public(key: Path) -> str:
    return key.with_suffix(".pub").read_text()
