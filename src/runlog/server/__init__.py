"""The server: MLflow's REST API over a store, as a WSGI application.

app            create_app: which endpoints there are, and what answers each
dispatch       what all endpoints have in common, from a request to its answer
request_body   reading requests within bounds
answers        texts, JSON, errors and headers of answers
auth           users, and what they may do
cross_site     Host and Origin checks, and the headers of every answer
unsupported    endpoints of MLflow's registry that are not here, and what to do instead
locations      which artifact locations a client may name
artifacts      artifacts in and out, as streams
multipart      uploads in parts
histories      a metric's history as a stream
queries        SQL queries of clients, within limits
group_sync     one sync of the disk for all requests that wait for it
memory         bounds on the memory that answers take
traffic        the requests that are on their way
slow_clients   ends the connections of the slowest clients
connections    the connections of this process, as the kernel sees them
addresses      addresses of clients, in one spelling each
metrics        /health, /version, /metrics and the access log
pages          the files of the web pages
openapi        the API's own description
process        a WSGI server around it: workers, TLS, stopping
listening      the port, from before anything is printed
open_browser   shows the pages in the browser of whoever started the server
"""
