"""A mail server on this computer, with or without TLS, that keeps what it received."""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path


@dataclass
class MailServer:
    """What the server does, and what it received.

    Attributes:
        security: starttls, tls or none.
        certificate: File with the key and the certificate, for TLS.
        login: User and password that it accepts; None: it offers no login.
        refused: Receivers that it refuses.
        answer_to_data: Its answer to the mail itself.
        silent: It accepts connections and says nothing.
        messages: The mails that it accepted.
        receivers: The receivers of each of them.
        encrypted: Whether each came over TLS.
        commands: The commands, without arguments.
    """

    security: str = "none"
    certificate: Path | None = None
    login: tuple[str, str] | None = None
    refused: tuple[str, ...] = ()
    answer_to_data: str = "250 OK"
    silent: bool = False
    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    receivers: list[list[str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def load_context(self) -> ssl.SSLContext:
        """Return the context of the server's side."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        return context


class Session(socketserver.StreamRequestHandler):
    """One connection of a client."""

    server: Server
    timeout = 60

    def setup(self) -> None:
        """Begin with TLS if the server does so."""
        if self.server.settings.security == "tls":
            self.request = self.server.settings.load_context().wrap_socket(
                self.request, server_side=True
            )
        super().setup()

    def finish(self) -> None:
        """Close the connection: the server knows only the one before TLS."""
        super().finish()
        self.rfile.close()
        self.wfile.close()
        self.connection.close()

    def handle(self) -> None:
        """Answer until the client says QUIT or ends the connection."""
        settings = self.server.settings
        if settings.silent:
            self.rfile.readline()
            return
        self.say("220 mail.example ready")
        self.receivers: list[str] = []
        while line := self.rfile.readline().decode("ascii").strip():
            command, _, argument = line.partition(" ")
            settings.commands.append(command.upper())
            if command.upper() == "QUIT":
                self.say("221 bye")
                return
            getattr(self, f"do_{command.lower()}", self.do_unknown)(argument)

    def say(self, *lines: str) -> None:
        """Send an answer of one line or several."""
        for line in lines:
            self.wfile.write(f"{line}\r\n".encode())

    def is_encrypted(self) -> bool:
        """Return whether the connection is encrypted now."""
        return isinstance(self.connection, ssl.SSLSocket)

    def do_unknown(self, argument: str) -> None:
        """Refuse a command that does not exist."""
        self.say("502 not implemented")

    def do_ehlo(self, argument: str) -> None:
        """List what the server offers."""
        settings = self.server.settings
        offers = ["8BITMIME"]
        if settings.security == "starttls" and not self.is_encrypted():
            offers.append("STARTTLS")
        elif settings.login is not None:
            offers.append("AUTH PLAIN")
        self.say(
            "250-mail.example", *(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}"
        )

    def do_starttls(self, argument: str) -> None:
        """Continue encrypted."""
        self.say("220 go ahead")
        self.connection = self.server.settings.load_context().wrap_socket(
            self.connection, server_side=True
        )
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)

    def do_auth(self, argument: str) -> None:
        """Accept the one user."""
        _, _, given = argument.partition(" ")
        _, user, password = base64.b64decode(given).decode().split("\0")
        accepted = (user, password) == self.server.settings.login
        self.say("235 welcome" if accepted else f"535 no login with {password}")

    def do_mail(self, argument: str) -> None:
        """Begin a mail."""
        self.receivers = []
        self.say("250 OK")

    def do_rset(self, argument: str) -> None:
        """Forget the mail."""
        self.say("250 OK")

    def do_rcpt(self, argument: str) -> None:
        """Accept or refuse a receiver."""
        address = argument.partition("<")[2].partition(">")[0]
        if address in self.server.settings.refused:
            self.say("550 5.1.1 no such user")
            return
        self.receivers.append(address)
        self.say("250 OK")

    def do_data(self, argument: str) -> None:
        """Receive the mail."""
        settings = self.server.settings
        self.say("354 go ahead")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        if settings.answer_to_data.startswith("2"):
            message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            settings.messages.append(message)
            settings.receivers.append(self.receivers)
            settings.encrypted.append(self.is_encrypted())
        self.say(settings.answer_to_data)


class Server(socketserver.ThreadingTCPServer):
    """The listener, on loopback only."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, settings: MailServer) -> None:
        self.settings = settings
        super().__init__(("127.0.0.1", 0), Session)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that refuses a certificate ends the connection."""


@contextlib.contextmanager
def run_mail_server(settings: MailServer) -> Iterator[MailServer]:
    """Run the server in a thread."""
    with Server(settings) as server:
        settings.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield settings
        server.shutdown()
        thread.join()
