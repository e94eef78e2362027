"""Users, their tokens and grants, and the audit log, in the database that holds the runs.

One file is a server's one truth: a backup has its users too. Who can write the file is master of
the server; who can read it sees hashes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from runlog import validate
from runlog.clock import now
from runlog.errors import AlreadyExists, NotFound
from runlog.sqlstore.retry import retry
from runlog.store_parts import accounts
from runlog.store_parts.accounts import SESSION, TOKEN, Entry, Grant, Token, User

if TYPE_CHECKING:
    from runlog.db.base import Database

MINUTE = 60_000  # milliseconds
LOG_IN = "log in"  # the action in the audit log
SESSIONS_EACH = 20  # of a user: the oldest goes first


class Wanted(NamedTuple):
    """Which entries of the audit log: those with all that is given, times in Unix milliseconds."""

    user: str | None = None
    action: str | None = None
    result: str | None = None
    since: int | None = None
    until: int | None = None
    most: int = 1000


_USER = "a.id, a.name, a.role, a.creation_time, case when a.password is null then 0 else 1 end"
_TOKEN = """t.id, t.name, a.name, t.kind, t.read_only, t.creation_time, t.expiry_time,
            t.last_used_time"""


class Users:
    """Who may use a server on this database. Names are as `users.user_name` makes them."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # -- users ------------------------------------------------------------------------------

    @retry
    def add(self, name: str, role: str, password: str | None = None) -> User:
        """Make a user. Raises AlreadyExists, and InvalidParameter for what will not do."""
        name, role = accounts.user_name(name), accounts.role(role)
        kept = _kept(password, name)
        with self._db.transaction():
            row = self._db.execute(
                """insert into account (name, role, password, creation_time)
                   values (:name, :role, :password, :now) on conflict do nothing returning id""",
                {"name": name, "role": role, "password": kept, "now": now()},
            )
        if not row:
            raise AlreadyExists(f"there is a user {name!r} already")
        return self.get(name)

    def find(self, name: str) -> User | None:
        """Return the user of that name, if there is one."""
        found = self.with_password(name)
        return found[0] if found else None

    def get(self, name: str) -> User:
        """Return the user of that name. Raises NotFound."""
        found = self.find(accounts.user_name(name))
        if found is None:
            raise NotFound(f"no user {name!r}: see  runlog users list")
        return found

    def with_password(self, name: str) -> tuple[User, str | None] | None:
        """Return the user of that name and what is kept of the password."""
        with self._db.reading() as fetch:
            rows = fetch(
                f"select {_USER}, a.password from account a where a.name = :name", {"name": name}
            )
        return (_user(rows[0][:-1]), rows[0][-1]) if rows else None

    def all(self) -> list[User]:
        """Return all users, by name."""
        with self._db.reading() as fetch:
            return [_user(row) for row in fetch(f"select {_USER} from account a order by a.name")]

    @retry
    def set_password(self, name: str, password: str | None) -> None:
        """Give a user another password, or none, and ends all sessions. Raises NotFound."""
        user = self.get(name)
        kept = _kept(password, user.name)
        with self._db.transaction():
            bindings = {"id": user.id, "password": kept, "kind": SESSION}
            self._db.execute("update account set password = :password where id = :id", bindings)
            self._db.execute("delete from token where account = :id and kind = :kind", bindings)

    @retry
    def set_role(self, name: str, role: str) -> None:
        """Give a user another role. Raises NotFound."""
        bindings = {"id": self.get(name).id, "role": accounts.role(role)}
        with self._db.transaction():
            self._db.execute("update account set role = :role where id = :id", bindings)

    @retry
    def remove(self, name: str) -> None:
        """Remove a user with all tokens and grants. Raises NotFound."""
        bindings = {"id": self.get(name).id}
        with self._db.transaction():
            self._db.execute("delete from account where id = :id", bindings)

    # -- grants -----------------------------------------------------------------------------

    @retry
    def grant(self, name: str, experiment_id: str, role: str) -> None:
        """Give a user a role in an experiment, in place of one given before."""
        bindings = {
            "id": self.get(name).id,
            "experiment": validate.experiment_id(experiment_id),
            "role": accounts.role(role, accounts.GRANTS),
        }
        with self._db.transaction():
            if not self._db.execute("select 1 from experiment where id = :experiment", bindings):
                raise NotFound(f"No Experiment with id={experiment_id} exists")
            self._db.execute(
                """insert into permission (account, experiment, role)
                   values (:id, :experiment, :role)
                   on conflict (account, experiment) do update set role = excluded.role""",
                bindings,
            )

    @retry
    def withdraw(self, name: str, experiment_id: str) -> None:
        """Take a grant back. Raises NotFound if there is none."""
        bindings = {
            "id": self.get(name).id,
            "experiment": validate.experiment_id(experiment_id),
        }
        with self._db.transaction():
            gone = self._db.change(
                "delete from permission where account = :id and experiment = :experiment", bindings
            )
        if not gone:
            raise NotFound(f"user {name!r} has no grant in experiment {experiment_id}")

    def grants(self, name: str | None = None) -> list[Grant]:
        """Return all grants, or one user's."""
        with self._db.reading() as fetch:
            rows = fetch(
                """select a.name, e.id, e.name, p.role from permission p
                   join account a on a.id = p.account join experiment e on e.id = p.experiment
                   where a.name = coalesce(:name, a.name) order by a.name, e.id""",
                {"name": name},
            )
        return [Grant(user, str(number), title, role) for user, number, title, role in rows]

    def granted(self, user: User) -> dict[str, str]:
        """Return the roles that a user has in single experiments, by experiment id."""
        with self._db.reading() as fetch:
            rows = fetch(
                "select experiment, role from permission where account = :id", {"id": user.id}
            )
        return {str(experiment): role for experiment, role in rows}

    # -- what is asked for belongs to -------------------------------------------------------

    def experiments_of_runs(self, run_ids: Iterable[str]) -> dict[str, str]:
        """Return the experiment of each run that there is."""
        return self._experiments_of("select experiment from run where run_id = :id", run_ids)

    def experiments_of_models(self, model_ids: Iterable[str]) -> dict[str, str]:
        """Return the experiment of each logged model that there is."""
        return self._experiments_of("select experiment from model where model_id = :id", model_ids)

    def experiments_named(self, names: Iterable[str]) -> dict[str, str]:
        """Return the experiment of each name that there is."""
        return self._experiments_of("select id from experiment where name = :id", names)

    def _experiments_of(self, sql: str, ids: Iterable[str]) -> dict[str, str]:
        ids = list(ids)
        found: dict[str, str] = {}
        if not ids:
            return found
        with self._db.reading() as fetch:
            for each in ids:
                for (number,) in fetch(sql, {"id": each}):
                    found[each] = str(number)
        return found

    def experiments_at(self, path: str) -> set[str]:
        """Return the experiments whose artifacts are at `path` below the artifact root, above it or
        inside it."""
        parts = path.split("/")
        above = {"./" + "/".join(parts[: count + 1]) for count in range(len(parts))}
        with self._db.reading() as fetch:
            rows = fetch(
                """select id, artifact_location from experiment
                   where substr(artifact_location, 1, 1) = '.' or length(artifact_location) < 3"""
            )
        return {
            str(number)
            for number, location in rows
            if location.rstrip("/") in above
            or location.startswith(f"./{path}/")
            or not location.rstrip("./")
        }

    # -- tokens -----------------------------------------------------------------------------

    @retry
    def add_token(
        self, user: str, name: str, expiry_time: int | None = None, read_only: bool = False
    ) -> str:
        """Make a token and return its text, which nobody can read again. `expiry_time` is Unix
        milliseconds. Raises NotFound for the user, AlreadyExists for the name."""
        owner, name, secret = self.get(user), accounts.token_name(name), accounts.new_secret()
        with self._db.transaction():
            made = self._insert_token(owner, TOKEN, name, secret, expiry_time, read_only, None)
        if not made:
            raise AlreadyExists(f"user {owner.name!r} has a token {name!r} already")
        return secret

    @retry
    def add_session(self, user: User, expiry_time: int, token: Token | None = None) -> str:
        """Make a session and return the text that its cookie has. One that was begun with a token
        may do no more than that, and ends with it."""
        secret = accounts.new_secret()
        name, read_only = accounts.digest(secret)[:16], token is not None and token.read_only
        if token is not None and token.expiry_time is not None:
            expiry_time = min(expiry_time, token.expiry_time)
        with self._db.transaction():
            parent = token.id if token else None
            self._insert_token(user, SESSION, name, secret, expiry_time, read_only, parent)
            bindings = {"kind": SESSION, "now": now(), "id": user.id}
            self._db.execute(
                "delete from token where kind = :kind and expiry_time <= :now", bindings
            )
            latest = self._db.execute(
                "select id from token where account = :id and kind = :kind order by id desc",
                bindings,
            )
            self._db.executemany(
                "delete from token where id = :old",
                [{"old": id} for (id,) in latest[SESSIONS_EACH:]],
            )
        return secret

    def _insert_token(
        self,
        owner: User,
        kind: str,
        name: str,
        secret: str,
        expiry_time: int | None,
        read_only: bool,
        parent: int | None,
    ) -> int:
        return self._db.change(
            """insert into token (account, name, kind, hash, read_only, creation_time,
                                  expiry_time, parent)
               values (:account, :name, :kind, :hash, :read_only, :now, :expiry, :parent)
               on conflict do nothing""",
            {
                "account": owner.id,
                "name": name,
                "kind": kind,
                "hash": accounts.digest(secret),
                "read_only": int(read_only),
                "now": now(),
                "expiry": expiry_time,
                "parent": parent,
            },
        )

    def holder(self, secret: str, kind: str) -> tuple[User, Token] | None:
        """Whose token or session that is, expired ones too."""
        bindings = {"hash": accounts.digest(secret), "kind": kind}
        with self._db.reading() as fetch:  # two statements: a third of the time of a join
            found = fetch(
                """select account, id, name, kind, read_only, creation_time, expiry_time,
                          last_used_time
                   from token where hash = :hash and kind = :kind""",
                bindings,
            )
            if not found:
                return None
            number, *rest = found[0]
            owner = fetch(f"select {_USER} from account a where a.id = :id", {"id": number})
        user = _user(owner[0])
        return user, _token((*rest[:2], user.name, *rest[2:]))

    def tokens(self, user: str | None = None) -> list[Token]:
        """Return all tokens, or one user's, by user and name; no sessions."""
        with self._db.reading() as fetch:
            rows = fetch(
                f"""select {_TOKEN} from token t join account a on a.id = t.account
                    where t.kind = :kind and a.name = coalesce(:user, a.name)
                    order by a.name, t.name""",
                {"kind": TOKEN, "user": user},
            )
        return [_token(row) for row in rows]

    @retry
    def revoke(self, user: str, name: str) -> None:
        """End a token. Raises NotFound."""
        bindings = {"account": self.get(user).id, "name": accounts.token_name(name), "kind": TOKEN}
        with self._db.transaction():
            found = self._db.execute(
                """select id as token from token
                   where account = :account and name = :name and kind = :kind""",
                bindings,
            )
            for number in [{"token": id} for (id,) in found]:
                self._db.execute("delete from token where parent = :token", number)
                self._db.execute("delete from token where id = :token", number)
        if not found:
            raise NotFound(f"user {user!r} has no token {name!r}: see  runlog tokens list")

    @retry
    def end_session(self, secret: str) -> None:
        """End a session, if there is one."""
        with self._db.transaction():
            self._db.execute(
                "delete from token where hash = :hash and kind = :kind",
                {"hash": accounts.digest(secret), "kind": SESSION},
            )

    # -- the audit log ----------------------------------------------------------------------

    @retry
    def note(self, entries: Sequence[Entry], used: dict[int, int] | None = None) -> None:
        """Add to the audit log, and to each token by id when it was last used."""
        with self._db.transaction():
            self._db.executemany(
                """insert into audit_entry (minute, account, token, address, action, target, result,
                                            first_time, last_time, count)
                   values (:minute, :user, :token, :address, :action, :target, :result,
                           :first, :last, :count)
                   on conflict (minute, account, token, address, action, target, result)
                   do update set count = audit_entry.count + excluded.count,
                       last_time = case when excluded.last_time > audit_entry.last_time
                           then excluded.last_time else audit_entry.last_time end""",
                [
                    {
                        "minute": entry.first_time // MINUTE * MINUTE,
                        "user": entry.user,
                        "token": entry.token,
                        "address": entry.address,
                        "action": entry.action,
                        "target": entry.target,
                        "result": entry.result,
                        "first": entry.first_time,
                        "last": entry.last_time,
                        "count": entry.times,
                    }
                    for entry in entries
                ],
            )
            self._db.executemany(
                "update token set last_used_time = :time where token.id = :id",
                [{"id": number, "time": time} for number, time in (used or {}).items()],
            )

    def audit(self, wanted: Wanted) -> list[Entry]:
        """Return the latest entries that are wanted, newest first."""
        with self._db.reading() as fetch:
            rows = fetch(
                """select account, token, address, action, target, result, first_time, last_time,
                          count
                   from audit_entry
                   where account = coalesce(:user, account)
                       and action = coalesce(:action, action)
                       and result = coalesce(:result, result)
                       and minute >= coalesce(:since, minute) - 60000
                       and last_time >= coalesce(:since, last_time)
                       and minute < coalesce(:until, minute + 1)
                       and first_time < coalesce(:until, first_time + 1)
                   order by minute desc, last_time desc limit :most""",
                wanted._asdict(),
            )
        return [Entry(*row) for row in rows]

    def failed_log_ins(self, since: int) -> list[tuple[str, str, int, int]]:
        """Return the log-ins that failed from then on, to a minute: user, address, the time of the
        first of them (both Unix milliseconds), and how many."""
        with self._db.reading() as fetch:
            return [
                (user, address, first, count)
                for user, address, first, count in fetch(
                    """select account, address, min(first_time), sum(count) from audit_entry
                       where minute > :since - 60000 and last_time > :since
                           and action = :action and result = 'UNAUTHENTICATED'
                       group by account, address""",
                    {"since": since, "action": LOG_IN},
                )
            ]

    @retry
    def forget(self, before: int) -> int:
        """Remove the entries of the audit log from before that time (Unix milliseconds)."""
        with self._db.transaction():
            return self._db.change("delete from audit_entry where minute < :t", {"t": before})


def _kept(password: str | None, name: str) -> str | None:
    if password is None:
        return None
    accounts.check_password(password, name)
    return accounts.hashed(password)


def _user(row: Sequence[Any]) -> User:
    user = User(*row)
    return user._replace(has_password=bool(user.has_password))


def _token(row: Sequence[Any]) -> Token:
    token = Token(*row)
    return token._replace(read_only=bool(token.read_only))
