"""The files of runs, wherever they are kept. An `ArtifactRepo` is what the rest of runlog uses.

repository   ArtifactRepo: list, read, write, upload and download files below one root
opening      the repository of a run, if its store may open that location on this machine
allowed      the list of locations that the user of this machine allows stores to open
root         one directory of a file system, local or remote, with checked relative paths
upload       upload files: hidden until they are complete, with their digests
download     download files to a local folder, and never outside of it
parts        multipart uploads that clients send to a bucket themselves
scheduler    many transfers at once: workers, retries, timeouts, a bound on memory
transfer     one file that is uploaded or downloaded, and its progress
progress     progress bars and callbacks
connections  a file system behind a network: connections and timeouts
schemes      one row for each kind of URI: its file system, options and abilities
filesystems  file systems of other packages, corrected
local        the local disk, with the same methods
sqlar        files inside a runlog database, with the same methods
databases    databases among the files to be logged: a snapshot of each is logged
errors       errors of file systems, turned into errors that name the artifact
paths        paths of artifacts and URIs of storages, checked and parsed
verify       whether files are still what they were when they were logged
sweep        what killed uploads have left
"""
