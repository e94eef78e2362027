"""Users, and what they may do.

access           what the server asks about each request; a server without log-ins
policy           authorisation: what a user may do
authentication   who sends a request
sessions         the cookie of a session in a browser
login            the endpoints /login and /logout
admin_api        users, grants and tokens over HTTP, for admins
audit            the audit log: who changed what
rate_limits      how often a password may be guessed
password_queue   whose password is hashed next
proxies          trusted reverse proxies, and what they say about the client
startup          what is decided and checked when a server starts
first_token      the token of a server that has no users yet
"""
