from __future__ import annotations

import os
import ssl
import subprocess
import sys
from ftplib import FTP, FTP_TLS
from pathlib import Path

from servers import HOST, Missing, Server, certificate, free_port, tool

USER, PASSWORD = "ada", "p@ss:w/rd"
# What a server sees that has these files in place of the machine's: a user who exists nowhere else,
# and the rule to ask for the password.
MACHINE = 'for file in passwd shadow pam.d/vsftpd; do mount --bind "$0/$file" "/etc/$file"; done'


class Vsftpd(Server):
    """An FTP server of the kind that has no MLSD, and a user with a password. The user is known in
    a mount namespace of the server's own alone, which takes root on Linux."""

    scheme = "ftp"
    tls = ""

    def prepare(self) -> None:
        if sys.platform != "linux" or os.geteuid() != 0:
            raise Missing("vsftpd for a user of its own needs root, on Linux")
        program = tool("vsftpd", "apt-get install vsftpd")
        self.files, etc = self.folder / "files", self.folder / "etc"
        self.files.mkdir()
        (etc / "pam.d").mkdir(parents=True)
        self.folder.chmod(0o755)
        os.chown(self.files, 1234, 1234)
        hashed = subprocess.run(
            [tool("openssl", "apt-get install openssl"), "passwd", "-6", "-stdin"],
            input=PASSWORD,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        (etc / "passwd").write_text(
            Path("/etc/passwd").read_text() + f"{USER}:x:1234:1234::{self.files}:/bin/sh\n"
        )
        (etc / "shadow").write_text(f"{USER}:{hashed}:19000::::::\n")
        (etc / "pam.d" / "vsftpd").write_text(
            "auth required pam_unix.so\naccount required pam_unix.so\n"
        )
        config = self.folder / "vsftpd.conf"
        first = free_port()
        config.write_text(
            f"listen=YES\nlisten_port={self.port}\nlisten_address={HOST}\nlocal_enable=YES\n"
            "write_enable=YES\nanonymous_enable=NO\nforce_dot_files=YES\nseccomp_sandbox=NO\n"
            "local_umask=022\npam_service_name=vsftpd\nxferlog_enable=NO\n"
            "chroot_local_user=YES\nallow_writeable_chroot=YES\n"
            f"pasv_address={HOST}\npasv_min_port={first}\npasv_max_port={first + 500}\n" + self.tls
        )
        self.uri = f"{self.scheme}://{USER}:p%40ss%3Aw%2Frd@{HOST}:{self.port}/artifacts"
        self.env = {}
        script = f'{MACHINE}; exec "$1" "$2"'
        self.command = [tool("unshare", "apt-get install util-linux"), "--mount", "sh", "-ec"]
        self.command += [script, str(etc), program, str(config)]

    def answer(self) -> None:
        with FTP(timeout=5) as ftp:
            ftp.connect(HOST, self.port)
            ftp.login(USER, PASSWORD)


class VsftpdTls(Vsftpd):
    """The same, for those who speak TLS alone. Its certificate is its own authority: `env` says
    that it is to be trusted."""

    scheme = "ftps"

    def prepare(self) -> None:
        trusted, key = certificate(self.folder)
        self.tls = (
            f"ssl_enable=YES\nrsa_cert_file={trusted}\nrsa_private_key_file={key}\n"
            "force_local_logins_ssl=YES\nforce_local_data_ssl=YES\nrequire_ssl_reuse=NO\n"
        )
        super().prepare()
        self.env = {"SSL_CERT_FILE": str(trusted)}

    def answer(self) -> None:
        trusted = ssl.create_default_context(cafile=self.env["SSL_CERT_FILE"])
        with FTP_TLS(timeout=5, context=trusted) as ftp:
            ftp.connect(HOST, self.port)
            ftp.login(USER, PASSWORD)
            ftp.prot_p()
            ftp.nlst()
