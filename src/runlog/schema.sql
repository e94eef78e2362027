-- The file that runlog keeps: tables first, then the views that people read.
--
-- Tables have singular names and integer keys and belong to runlog; write through its API only.
-- Views have plural names, hex ids and ISO times (UTC) and are meant for the sqlite3 shell, DuckDB,
-- DBeaver, pandas; they stay as they are from release to release. All numbers called *_time or
-- timestamp in the tables are Unix milliseconds.
--
-- A metric's value has no declared type: a column declared REAL loses the sign of -0.0, and SQLite
-- keeps no NaN, so NaN is stored as the text 'NaN', which sorts after every number.

create table experiment (
    id integer primary key autoincrement,        -- experiment_id; Default is 0; never used twice
    name text not null unique,
    artifact_location text not null,             -- './...': in the artifact root, sqlar:... in here
    lifecycle_stage text not null default 'active' check (lifecycle_stage in ('active', 'deleted')),
    creation_time integer not null,
    last_update_time integer not null
);

create table experiment_tag (
    experiment integer not null references experiment on delete cascade,
    key text not null,
    value text not null,
    primary key (experiment, key)
) without rowid;

create table run (
    id integer primary key autoincrement,        -- never used twice: see recent
    run_id text not null unique,                 -- 32 hex digits
    experiment integer not null references experiment,
    name text not null,
    status text not null,                        -- RUNNING SCHEDULED FINISHED FAILED KILLED
    user_id text not null default '',
    start_time integer not null,
    end_time integer,
    lifecycle_stage text not null default 'active' check (lifecycle_stage in ('active', 'deleted')),
    deleted_time integer,
    artifact_uri text not null                   -- './...': in the artifact root, sqlar:... in here
);
create index run_by_start on run (experiment, lifecycle_stage, start_time desc, run_id);

create table param (
    run integer not null references run on delete cascade,
    key text not null,
    value text not null,
    primary key (run, key)
) without rowid;
create index param_by_value on param (key, value) where length(value) <= 250;
create index param_with_long_value on param (key) where length(value) > 250;

create table tag (
    run integer not null references run on delete cascade,
    key text not null,
    value text not null,
    primary key (run, key)
) without rowid;
create index tag_by_value on tag (key, value) where length(value) <= 250;
create index tag_with_long_value on tag (key) where length(value) > 250;

create table delivery (                          -- how far the log calls of a sender have come
    run integer not null references run on delete cascade,
    sender text not null,                        -- a process with an outbox
    sequence integer not null,                   -- of its last request: what has a lower one is late
    primary key (run, sender)
) without rowid;

create table dataset (
    id integer primary key,
    experiment integer not null references experiment on delete cascade,
    name text not null,
    digest text not null,
    source_type text not null,
    source text not null,
    schema text,
    profile text,
    unique (experiment, name, digest)
);

create table input (
    id integer primary key,
    run integer not null references run on delete cascade,
    dataset integer not null references dataset on delete cascade,
    unique (run, dataset)
);
create index input_by_dataset on input (dataset);

create table input_tag (
    input integer not null references input on delete cascade,
    key text not null,
    value text not null,
    primary key (input, key)
) without rowid;

create table artifact (                          -- what a file of a run was when it was logged
    run integer not null references run on delete cascade,
    path text not null,                          -- relative to the run's artifacts, with /
    size integer not null,
    sha256 blob not null,                        -- 32 bytes
    time integer not null,
    primary key (run, path)
) without rowid;

-- Files kept inside the database, as `sqlite3 runlog.db -A` reads and writes them: of experiments
-- whose artifact_location begins with sqlar:. Their names are that location, the run and the path.
create table sqlar (
    name text primary key,
    mode int,                                    -- as in stat: 33188 is a file, rw-r--r--
    mtime int,                                   -- Unix seconds
    sz int,                                      -- bytes of the file
    data blob                                    -- deflated (zlib), or as it is: sz bytes
);
-- Logged models, with what was measured of them and which runs read or made them.

create table model (
    id integer primary key autoincrement,
    model_id text not null unique,               -- m- and 32 hex digits
    experiment integer not null references experiment on delete cascade,
    name text not null,
    type text not null default '',
    source_run_id text not null default '',      -- the run that made it, as it was called
    status text not null default 'PENDING',      -- PENDING READY FAILED
    artifact_uri text not null,                  -- './...' is relative to the artifact root
    creation_time integer not null,
    last_update_time integer not null,
    lifecycle_stage text not null default 'active' check (lifecycle_stage in ('active', 'deleted'))
);
create index model_by_experiment on model (experiment);

create table model_param (
    model integer not null references model on delete cascade,
    key text not null,
    value text not null,
    primary key (model, key)
) without rowid;

create table model_tag (
    model integer not null references model on delete cascade,
    key text not null,
    value text not null,
    primary key (model, key)
) without rowid;

create table model_metric (
    model integer not null references model on delete cascade,
    key text not null,
    step integer not null,
    timestamp integer not null,
    value not null,
    run_id text not null,                        -- of the run that measured it
    dataset_name text not null default '',
    dataset_digest text not null default '',
    primary key (model, key, step, timestamp, value, run_id, dataset_name, dataset_digest)
) without rowid;

create table model_link (
    run integer not null references run on delete cascade,
    kind text not null check (kind in ('input', 'output')),
    model integer not null references model on delete cascade,
    step integer not null,
    primary key (run, kind, model)
) without rowid;
create index model_link_by_model on model_link (model);

-- The model registry: names, each with versions that point to the files of a model.

create table registered_model (
    id integer primary key autoincrement,
    name text not null unique,
    description text,
    deployment_job_id text,                      -- of Databricks, as it was given
    last_version integer not null default 0,     -- the greatest number so far: none is used twice
    creation_time integer not null,
    last_update_time integer not null
);

create table registered_model_tag (
    registered_model integer not null references registered_model on delete cascade,
    key text not null,
    value text not null,
    primary key (registered_model, key)
) without rowid;

create table model_version (
    id integer primary key autoincrement,
    registered_model integer not null references registered_model on delete cascade,
    version integer not null,                    -- 1, 2, ...
    stage text not null default 'None',          -- None Staging Production Archived
    description text,
    user_id text not null default '',
    source text not null,                        -- as it was registered; './...' is relative
    storage_location text not null,              -- where the files are, written in the same way
    run_id text,                                 -- of this store, or of another
    run_link text,
    model_id text,                               -- of the logged model
    status text not null default 'READY',
    status_message text,
    creation_time integer not null,
    last_update_time integer not null,
    unique (registered_model, version)
);
create index model_version_by_run on model_version (run_id);
create index model_version_by_model on model_version (model_id);

create table model_version_tag (
    model_version integer not null references model_version on delete cascade,
    key text not null,
    value text not null,
    primary key (model_version, key)
) without rowid;

create table model_alias (
    registered_model integer not null,           -- that of the version
    alias text not null,
    model_version integer not null references model_version on delete cascade,
    primary key (registered_model, alias)
) without rowid;
create index model_alias_by_version on model_alias (model_version);

-- Metrics. A call appends its points to `recent`, which costs one page whatever the number of keys;
-- a merge moves them in bulk to `point`, clustered so that a history is read in one sweep, and
-- brings `metric`, the summary by run and key, up to date. Points that are in `recent` still are
-- seen through `live_metric` and `live_point`.

create table metric_key (
    id integer primary key,
    name text not null unique
);

create table metric (                            -- clustered by run: read and searched by it
    id integer not null unique,                  -- what points refer to
    run integer not null references run on delete cascade,
    key integer not null references metric_key,
    count integer not null default 0,            -- 0: no point is merged yet, all below is null
    last, last_step integer, last_timestamp integer,    -- greatest (step, timestamp, value)
    first, first_step integer, first_timestamp integer, -- smallest (step, timestamp, value)
    min, min_step integer,                       -- NaN only where there is nothing else;
    max, max_step integer,                       -- the smallest step that has the value
    primary key (run, key)
) without rowid;
create index metric_by_last on metric (key, last, run);

create table point (
    metric integer not null,
    step integer not null,
    timestamp integer not null,
    value not null,
    primary key (metric, step, timestamp, value) -- the same point twice is one point
) without rowid;

create table recent (
    metric integer not null,
    step integer not null,
    timestamp integer not null,
    value not null
);

-- The summaries of the metrics that have points in `recent`, those counted in.
create view fresh_metric as
with
    added as (
        select distinct metric, step, timestamp, value from recent
        where not exists (
            select 1 from point
            where (point.metric, point.step, point.timestamp, point.value)
                = (recent.metric, recent.step, recent.timestamp, recent.value))
    ),
    ranked as (
        select *,
            count(*) over series as count,
            row_number() over (series order by step, timestamp, value) as from_first,
            row_number() over (series order by value, step) as from_min,
            row_number() over (series order by value = 'NaN', value desc, step) as from_max
        from added
        window series as (partition by metric)
    ),
    added_summary as (
        select metric, count,
            max(case when from_first = count then value end) as last,
            max(case when from_first = count then step end) as last_step,
            max(case when from_first = count then timestamp end) as last_timestamp,
            max(case when from_first = 1 then value end) as first,
            max(case when from_first = 1 then step end) as first_step,
            max(case when from_first = 1 then timestamp end) as first_timestamp,
            max(case when from_min = 1 then value end) as min,
            max(case when from_min = 1 then step end) as min_step,
            max(case when from_max = 1 then value end) as max,
            max(case when from_max = 1 then step end) as max_step
        from ranked group by metric
    ),
    chosen as (
        select m.id, m.run, m.key, m.count + coalesce(a.count, 0) as count,
            m.count = 0 or (a.last_step, a.last_timestamp, a.last)
                > (m.last_step, m.last_timestamp, m.last) as is_last,
            m.count = 0 or (a.first_step, a.first_timestamp, a.first)
                < (m.first_step, m.first_timestamp, m.first) as is_first,
            m.count = 0 or (a.min, a.min_step) < (m.min, m.min_step) as is_min,
            m.count = 0 or (a.max <> 'NaN', a.max, -a.max_step)
                > (m.max <> 'NaN', m.max, -m.max_step) as is_max,
            m.last as m_last, m.last_step as m_last_step, m.last_timestamp as m_last_timestamp,
            m.first as m_first, m.first_step as m_first_step,
            m.first_timestamp as m_first_timestamp,
            m.min as m_min, m.min_step as m_min_step, m.max as m_max, m.max_step as m_max_step,
            a.*
        -- All points of a metric may be there already: then nothing is added to it.
        from (select distinct metric from recent) r join metric m on m.id = r.metric
        left join added_summary a on a.metric = m.id
    )
select id, run, key, count,
    iif(is_last, last, m_last) as last,
    iif(is_last, last_step, m_last_step) as last_step,
    iif(is_last, last_timestamp, m_last_timestamp) as last_timestamp,
    iif(is_first, first, m_first) as first,
    iif(is_first, first_step, m_first_step) as first_step,
    iif(is_first, first_timestamp, m_first_timestamp) as first_timestamp,
    iif(is_min, min, m_min) as min,
    iif(is_min, min_step, m_min_step) as min_step,
    iif(is_max, max, m_max) as max,
    iif(is_max, max_step, m_max_step) as max_step
from chosen;

create view live_metric as
select id, run, key, count, last, last_step, last_timestamp, first, first_step, first_timestamp,
    min, min_step, max, max_step
from metric where count > 0 and id not in (select metric from recent)
union all
select * from fresh_metric;

create view live_point as
select metric, step, timestamp, value from point
union all
select distinct metric, step, timestamp, value from recent
where not exists (
    select 1 from point
    where (point.metric, point.step, point.timestamp, point.value)
        = (recent.metric, recent.step, recent.timestamp, recent.value));

-- What people read. A NaN reads as null here, as everywhere in SQL; the is_nan columns tell it from
-- a value that is missing, which has no row.

create view experiments as
select cast(id as text) as experiment_id, name, lifecycle_stage, artifact_location,
    strftime('%Y-%m-%dT%H:%M:%fZ', creation_time / 1000.0, 'unixepoch') as creation_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', last_update_time / 1000.0, 'unixepoch') as last_update_time,
    (select count(*) from run where run.experiment = experiment.id
        and run.lifecycle_stage = 'active') as active_runs
from experiment;

create view experiment_tags as
select cast(e.id as text) as experiment_id, e.name as experiment, t.key, t.value
from experiment_tag t join experiment e on e.id = t.experiment;

create view runs as
select r.run_id, r.name as run_name, e.name as experiment, r.status,
    strftime('%Y-%m-%dT%H:%M:%fZ', r.start_time / 1000.0, 'unixepoch') as start_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', r.end_time / 1000.0, 'unixepoch') as end_time,
    (r.end_time - r.start_time) / 1000.0 as duration_seconds,
    r.user_id, r.lifecycle_stage, r.artifact_uri, cast(e.id as text) as experiment_id
from run r join experiment e on e.id = r.experiment;

create view params as
select r.run_id, p.key, p.value from param p join run r on r.id = p.run;

create view tags as
select r.run_id, t.key, t.value from tag t join run r on r.id = t.run;

create view metrics as
select r.run_id, k.name as key, p.step,
    iif(p.value = 'NaN', null, p.value) as value, p.value = 'NaN' as is_nan,
    strftime('%Y-%m-%dT%H:%M:%fZ', p.timestamp / 1000.0, 'unixepoch') as time, p.timestamp
from metric m
join run r on r.id = m.run
join metric_key k on k.id = m.key
join live_point p on p.metric = m.id;

create view metric_summary as
select r.run_id, k.name as key, m.count,
    iif(m.last = 'NaN', null, m.last) as last, m.last_step, m.last = 'NaN' as last_is_nan,
    iif(m.first = 'NaN', null, m.first) as first, m.first_step,
    iif(m.min = 'NaN', null, m.min) as min, m.min_step,
    iif(m.max = 'NaN', null, m.max) as max, m.max_step
from live_metric m
join run r on r.id = m.run
join metric_key k on k.id = m.key;

create view models as
select m.model_id, m.name as model_name, e.name as experiment, m.type, m.status, m.source_run_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', m.creation_time / 1000.0, 'unixepoch') as creation_time,
    m.lifecycle_stage, m.artifact_uri, cast(e.id as text) as experiment_id
from model m join experiment e on e.id = m.experiment;

create view registered_models as
select m.name, m.description, m.last_version,
    (select count(*) from model_version v where v.registered_model = m.id) as versions,
    strftime('%Y-%m-%dT%H:%M:%fZ', m.creation_time / 1000.0, 'unixepoch') as creation_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', m.last_update_time / 1000.0, 'unixepoch') as last_update_time
from registered_model m;

create view registered_model_tags as
select m.name, t.key, t.value
from registered_model_tag t join registered_model m on m.id = t.registered_model;

create view model_versions as
select m.name, v.version, v.stage, v.run_id, v.model_id, v.source, v.storage_location, v.status,
    v.user_id, v.description,
    strftime('%Y-%m-%dT%H:%M:%fZ', v.creation_time / 1000.0, 'unixepoch') as creation_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', v.last_update_time / 1000.0, 'unixepoch') as last_update_time
from model_version v join registered_model m on m.id = v.registered_model;

create view model_version_tags as
select m.name, v.version, t.key, t.value
from model_version_tag t join model_version v on v.id = t.model_version
join registered_model m on m.id = v.registered_model;

create view model_aliases as
select m.name, a.alias, v.version
from model_alias a join model_version v on v.id = a.model_version
join registered_model m on m.id = v.registered_model;

create view inputs as
select r.run_id, d.name as dataset, d.digest, t.value as context, d.source_type, d.source,
    d.schema, d.profile
from input i
join run r on r.id = i.run
join dataset d on d.id = i.dataset
left join input_tag t on t.input = i.id and t.key = 'mlflow.data.context';

create view artifacts as
select r.run_id, a.path, a.size, lower(hex(a.sha256)) as sha256,
    strftime('%Y-%m-%dT%H:%M:%fZ', a.time / 1000.0, 'unixepoch') as time
from artifact a join run r on r.id = a.run;
-- Who may use a server on this file. Of passwords and tokens there are only hashes, which no view
-- shows. Nothing refers to the audit log's names, so that they outlive the users.

create table account (                           -- `user` is a word of other databases' own
    id integer primary key autoincrement,
    name text not null unique,
    role text not null check (role in ('admin', 'editor', 'viewer', 'member')),
    password text,                               -- scrypt$log2(n)$r$p$salt$hash, or null
    creation_time integer not null
);

create table permission (                        -- beyond the role
    account integer not null references account on delete cascade,
    experiment integer not null references experiment on delete cascade,
    role text not null check (role in ('admin', 'editor', 'viewer')),
    primary key (account, experiment)
) without rowid;
create index permission_by_experiment on permission (experiment);

create table token (
    id integer primary key autoincrement,
    account integer not null references account on delete cascade,
    name text not null,
    kind text not null check (kind in ('token', 'session')),
    hash text not null unique,                   -- SHA-256, in hex
    read_only integer not null default 0,
    creation_time integer not null,
    expiry_time integer,                         -- null: never
    last_used_time integer,
    parent integer references token on delete cascade,  -- what a session was begun with
    unique (account, kind, name)
);
create index token_by_parent on token (parent);

create table audit_entry (                       -- the same deed within a minute is one row
    minute integer not null,                     -- its first millisecond
    account text not null,
    token text not null,
    address text not null,
    action text not null,
    target text not null,
    result text not null,
    first_time integer not null,
    last_time integer not null,
    count integer not null,
    primary key (minute, account, token, address, action, target, result)
) without rowid;

create view users as
select name, role, password is not null as has_password,
    strftime('%Y-%m-%dT%H:%M:%fZ', creation_time / 1000.0, 'unixepoch') as creation_time
from account;

create view grants as
select a.name as user, cast(e.id as text) as experiment_id, e.name as experiment, p.role
from permission p join account a on a.id = p.account join experiment e on e.id = p.experiment;

create view tokens as
select a.name as user, t.name, t.read_only,
    strftime('%Y-%m-%dT%H:%M:%fZ', t.creation_time / 1000.0, 'unixepoch') as creation_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', t.expiry_time / 1000.0, 'unixepoch') as expiry_time,
    strftime('%Y-%m-%dT%H:%M:%fZ', t.last_used_time / 1000.0, 'unixepoch') as last_used_time
from token t join account a on a.id = t.account
where t.kind = 'token';

create view audit_log as
select strftime('%Y-%m-%dT%H:%M:%fZ', first_time / 1000.0, 'unixepoch') as time, account as user,
    token, address, action, target, result, count,
    strftime('%Y-%m-%dT%H:%M:%fZ', last_time / 1000.0, 'unixepoch') as last_time
from audit_entry;
