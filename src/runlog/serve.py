"""The server: MLflow's REST API over a store, as a WSGI application.

app         create_app: routes from protocol.rows, and what is answered when something is wrong
bodies      reading requests within bounds
access      who may do what: the one place that authentication has
admins      users, grants and tokens over HTTP
browsers    Host and Origin checks, and the headers of every answer
locations   which artifact locations a client may name
files       artifacts in and out, as streams
multipart   uploads in parts
histories   a metric's history as a stream
monitoring  /health, /version, /metrics, the access log
pages       the web pages' files
openapi     the API's own description
turns       whose password is hashed next
process     a WSGI server around it: workers, TLS, stopping
listening   the port, from before anything is printed
first_token the token of a server without users
"""

from runlog.server.app import create_app

__all__ = ["create_app"]
