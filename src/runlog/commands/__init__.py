"""The commands of `runlog`: one file for each group, named as it is typed.

artifacts        runlog artifacts: list, download, log, allow
artifacts_pack   its commands verify, pack and unpack
audit            runlog audit: what users changed on a server
completion       runlog completion: scripts for shells
copy             runlog copy: from one store to another
db               runlog db: inspect, check, back up and shrink the database file
doctor           runlog doctor: check whether everything works
doctor_findings  one row of what it finds
doctor_server    its checks of a server
experiments      runlog experiments
gc               runlog gc: permanently delete what is in the trash
import_          runlog import: runs of other trackers
metrics          runlog metrics: histories, summaries, plots
metrics_plot     plots drawn with characters
models           runlog models: models that were logged or registered
models_registry  its commands for registered models: list, describe, register, alias, tag, stage
models_files     its commands info and predict
mlflow_options   options of `mlflow server` that `runlog serve` accepts
outbox           runlog outbox: log calls that wait for their server
run              runlog run: run a project or any command as a run
runs             runlog runs: list, search, csv, delete, restore
runs_columns     the columns of its tables
runs_compare     its command compare
runs_create      its command create
runs_csv         runs as CSV, which `runlog experiments csv` prints, too
runs_describe    its commands describe and page
runs_end         its command end
serve            runlog serve and runlog ui
sql              runlog sql: one query, or a shell
tokens           runlog tokens: the tokens of a server's users
users            runlog users: the users of a server

What they share:

choosing         which runs and experiments a command line names
completers       complete ids, names and metrics in a shell
options          options and arguments that several commands have
output           tables, JSON, CSV, messages and progress
stores           open the store that a command works on
"""
