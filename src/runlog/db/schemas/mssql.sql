-- The tables that runlog keeps in SQL Server: those of schema.sql, which says what they mean.
--
-- Rows that `on conflict do nothing` is about are ignored by the indexes that say so. The value of
-- a point is eight bytes that are in the order of the numbers (runlog/db/doubles.py); in the views
-- PLAIN(column) stands for the number, and TIME(column) for the time of milliseconds.
-- `same` is the hash of what is too long for an index: the length of each text comes before it, so
-- that no two rows are hashed alike because of where one text ends and the next begins. Nothing of
-- this was run against SQL Server: where runlog is tested there is none.

create table runlog_schema (
    version int not null
);

create table experiment (
    id bigint identity primary key with (ignore_dup_key = on),
    name nvarchar(500) collate Latin1_General_100_BIN2 not null unique,
    artifact_location nvarchar(max) collate Latin1_General_100_BIN2 not null,
    lifecycle_stage nvarchar(10) collate Latin1_General_100_BIN2 not null default 'active',
    creation_time bigint not null,
    last_update_time bigint not null
);

create table experiment_tag (
    experiment bigint not null,
    [key] nvarchar(250) collate Latin1_General_100_BIN2 not null,
    value nvarchar(max) collate Latin1_General_100_BIN2 not null,
    primary key (experiment, [key]),
    foreign key (experiment) references experiment (id) on delete cascade
);

create table run (
    id bigint identity primary key,
    run_id nvarchar(256) collate Latin1_General_100_BIN2 not null unique,
    experiment bigint not null,
    name nvarchar(max) collate Latin1_General_100_BIN2 not null,
    status nvarchar(20) collate Latin1_General_100_BIN2 not null,
    user_id nvarchar(max) collate Latin1_General_100_BIN2 not null,
    start_time bigint not null,
    end_time bigint,
    lifecycle_stage nvarchar(10) collate Latin1_General_100_BIN2 not null default 'active',
    deleted_time bigint,
    artifact_uri nvarchar(max) collate Latin1_General_100_BIN2 not null,
    index run_by_start (experiment, lifecycle_stage, start_time, run_id),
    foreign key (experiment) references experiment (id)
);

create table param (
    run bigint not null,
    [key] nvarchar(250) collate Latin1_General_100_BIN2 not null,
    value nvarchar(max) collate Latin1_General_100_BIN2 not null,
    primary key (run, [key]) with (ignore_dup_key = on),
    index param_by_key ([key]),
    foreign key (run) references run (id) on delete cascade
);

create table tag (
    run bigint not null,
    [key] nvarchar(250) collate Latin1_General_100_BIN2 not null,
    value nvarchar(max) collate Latin1_General_100_BIN2 not null,
    primary key (run, [key]),
    index tag_by_key ([key]),
    foreign key (run) references run (id) on delete cascade
);

create table delivery (
    run bigint not null,
    sender varchar(100) collate Latin1_General_100_BIN2 not null,
    sequence bigint not null,
    primary key (run, sender) with (ignore_dup_key = on),
    foreign key (run) references run (id) on delete cascade
);

create table dataset (
    id bigint identity primary key,
    experiment bigint not null,
    name nvarchar(max) collate Latin1_General_100_BIN2 not null,
    digest nvarchar(max) collate Latin1_General_100_BIN2 not null,
    source_type nvarchar(max) collate Latin1_General_100_BIN2 not null,
    source nvarchar(max) collate Latin1_General_100_BIN2 not null,
    [schema] nvarchar(max) collate Latin1_General_100_BIN2,
    profile nvarchar(max) collate Latin1_General_100_BIN2,
    same as cast(hashbytes('SHA2_256', concat(datalength(name), ':', name, digest)) as binary(32)) persisted,
    unique (experiment, same) with (ignore_dup_key = on),
    foreign key (experiment) references experiment (id) on delete cascade
);

create table input (
    id bigint identity primary key,
    run bigint not null,
    dataset bigint not null,
    unique (run, dataset) with (ignore_dup_key = on),
    index input_by_dataset (dataset),
    foreign key (run) references run (id) on delete cascade,
    foreign key (dataset) references dataset (id) on delete cascade
);

create table input_tag (
    input bigint not null,
    [key] nvarchar(255) collate Latin1_General_100_BIN2 not null,
    value nvarchar(max) collate Latin1_General_100_BIN2 not null,
    primary key (input, [key]) with (ignore_dup_key = on),
    foreign key (input) references input (id) on delete cascade
);

create table artifact (
    id bigint identity primary key,
    run bigint not null,
    path nvarchar(max) collate Latin1_General_100_BIN2 not null,
    size bigint not null,
    sha256 binary(32) not null,
    time bigint not null,
    same as cast(hashbytes('SHA2_256', path) as binary(32)) persisted,
    unique (run, same),
    foreign key (run) references run (id) on delete cascade
);

create table model (
    id bigint identity primary key,
    model_id nvarchar(50) collate Latin1_General_100_BIN2 not null unique,
    experiment bigint not null,
    name nvarchar(max) collate Latin1_General_100_BIN2 not null,
    type nvarchar(max) collate Latin1_General_100_BIN2 not null,
    source_run_id nvarchar(256) collate Latin1_General_100_BIN2 not null,
    status nvarchar(30) collate Latin1_General_100_BIN2 not null default 'PENDING',
    artifact_uri nvarchar(max) collate Latin1_General_100_BIN2 not null,
    creation_time bigint not null,
    last_update_time bigint not null,
    lifecycle_stage nvarchar(10) collate Latin1_General_100_BIN2 not null default 'active',
    index model_by_experiment (experiment),
    foreign key (experiment) references experiment (id) on delete cascade
);

create table model_param (
    model bigint not null,
    [key] nvarchar(250) collate Latin1_General_100_BIN2 not null,
    value nvarchar(max) collate Latin1_General_100_BIN2 not null,
    primary key (model, [key]) with (ignore_dup_key = on),
    foreign key (model) references model (id) on delete cascade
);

create table model_tag (
    model bigint not null,
    [key] nvarchar(250) collate Latin1_General_100_BIN2 not null,
    value nvarchar(max) collate Latin1_General_100_BIN2 not null,
    primary key (model, [key]),
    foreign key (model) references model (id) on delete cascade
);

create table model_metric (
    id bigint identity primary key,
    model bigint not null,
    [key] nvarchar(250) collate Latin1_General_100_BIN2 not null,
    step bigint not null,
    timestamp bigint not null,
    value binary(8) not null,
    run_id nvarchar(256) collate Latin1_General_100_BIN2 not null,
    dataset_name nvarchar(max) collate Latin1_General_100_BIN2 not null,
    dataset_digest nvarchar(max) collate Latin1_General_100_BIN2 not null,
    same as cast(hashbytes('SHA2_256', concat(step, '/', timestamp, '/', convert(varchar(16), value, 2),
        '/', run_id, '/', datalength([key]), ':', [key], datalength(dataset_name), ':', dataset_name,
        dataset_digest)) as binary(32)) persisted,
    unique (model, same) with (ignore_dup_key = on),
    foreign key (model) references model (id) on delete cascade
);

create table model_link (
    run bigint not null,
    kind nvarchar(10) collate Latin1_General_100_BIN2 not null,
    model bigint not null,
    step bigint not null,
    primary key (run, kind, model),
    index model_link_by_model (model),
    foreign key (run) references run (id) on delete cascade,
    foreign key (model) references model (id) on delete cascade
);

create table registered_model (
    id bigint identity primary key,
    name nvarchar(256) collate Latin1_General_100_BIN2 not null unique,
    description nvarchar(max) collate Latin1_General_100_BIN2,
    deployment_job_id nvarchar(max) collate Latin1_General_100_BIN2,
    last_version bigint not null default 0,
    creation_time bigint not null,
    last_update_time bigint not null
);

create table registered_model_tag (
    registered_model bigint not null,
    [key] nvarchar(250) collate Latin1_General_100_BIN2 not null,
    value nvarchar(max) collate Latin1_General_100_BIN2 not null,
    primary key (registered_model, [key]),
    foreign key (registered_model) references registered_model (id) on delete cascade
);

create table model_version (
    id bigint identity primary key,
    registered_model bigint not null,
    version bigint not null,
    stage nvarchar(20) collate Latin1_General_100_BIN2 not null default 'None',
    description nvarchar(max) collate Latin1_General_100_BIN2,
    user_id nvarchar(max) collate Latin1_General_100_BIN2 not null,
    source nvarchar(max) collate Latin1_General_100_BIN2 not null,
    storage_location nvarchar(max) collate Latin1_General_100_BIN2 not null,
    run_id nvarchar(256) collate Latin1_General_100_BIN2,
    run_link nvarchar(max) collate Latin1_General_100_BIN2,
    model_id nvarchar(256) collate Latin1_General_100_BIN2,
    status nvarchar(30) collate Latin1_General_100_BIN2 not null default 'READY',
    status_message nvarchar(max) collate Latin1_General_100_BIN2,
    creation_time bigint not null,
    last_update_time bigint not null,
    unique (registered_model, version),
    index model_version_by_run (run_id),
    index model_version_by_model (model_id),
    foreign key (registered_model) references registered_model (id) on delete cascade
);

create table model_version_tag (
    model_version bigint not null,
    [key] nvarchar(250) collate Latin1_General_100_BIN2 not null,
    value nvarchar(max) collate Latin1_General_100_BIN2 not null,
    primary key (model_version, [key]),
    foreign key (model_version) references model_version (id) on delete cascade
);

create table model_alias (
    registered_model bigint not null,
    alias nvarchar(256) collate Latin1_General_100_BIN2 not null,
    model_version bigint not null,
    primary key (registered_model, alias),
    index model_alias_by_version (model_version),
    foreign key (model_version) references model_version (id) on delete cascade
);

create table metric_key (
    id bigint identity primary key,
    name nvarchar(250) collate Latin1_General_100_BIN2 not null unique with (ignore_dup_key = on)
);

create table metric (
    id bigint identity not null unique,
    run bigint not null,
    [key] bigint not null,
    count bigint not null default 0,
    last binary(8), last_step bigint, last_timestamp bigint,
    first binary(8), first_step bigint, first_timestamp bigint,
    min binary(8), min_step bigint,
    max binary(8), max_step bigint,
    primary key (run, [key]) with (ignore_dup_key = on),
    index metric_by_last ([key], last, run),
    foreign key (run) references run (id) on delete cascade,
    foreign key ([key]) references metric_key (id)
);

create table point (
    metric bigint not null,
    step bigint not null,
    timestamp bigint not null,
    value binary(8) not null,
    primary key (metric, step, timestamp, value) with (ignore_dup_key = on)
);

create table account (
    id bigint identity primary key,
    name nvarchar(250) collate Latin1_General_100_BIN2 not null unique,
    role nvarchar(10) collate Latin1_General_100_BIN2 not null,
    password nvarchar(500) collate Latin1_General_100_BIN2,
    creation_time bigint not null
);

create table permission (
    account bigint not null,
    experiment bigint not null,
    role nvarchar(10) collate Latin1_General_100_BIN2 not null,
    primary key (account, experiment),
    index permission_by_experiment (experiment),
    foreign key (account) references account (id) on delete cascade,
    foreign key (experiment) references experiment (id) on delete cascade
);

create table token (
    id bigint identity primary key,
    account bigint not null,
    name nvarchar(250) collate Latin1_General_100_BIN2 not null,
    kind nvarchar(10) collate Latin1_General_100_BIN2 not null,
    hash nvarchar(64) collate Latin1_General_100_BIN2 not null unique,
    read_only int not null default 0,
    creation_time bigint not null,
    expiry_time bigint,
    last_used_time bigint,
    parent bigint,
    unique (account, kind, name) with (ignore_dup_key = on),
    index token_by_parent (parent),
    foreign key (account) references account (id) on delete cascade,
    foreign key (parent) references token (id)
);

create table audit_entry (
    id bigint identity primary key,
    minute bigint not null,
    account nvarchar(max) collate Latin1_General_100_BIN2 not null,
    token nvarchar(max) collate Latin1_General_100_BIN2 not null,
    address nvarchar(max) collate Latin1_General_100_BIN2 not null,
    action nvarchar(max) collate Latin1_General_100_BIN2 not null,
    target nvarchar(max) collate Latin1_General_100_BIN2 not null,
    result nvarchar(max) collate Latin1_General_100_BIN2 not null,
    first_time bigint not null,
    last_time bigint not null,
    count bigint not null,
    same as cast(hashbytes('SHA2_256', concat(datalength(account), ':', account, datalength(token), ':',
        token, datalength(address), ':', address, datalength(action), ':', action, datalength(target),
        ':', target, result)) as binary(32)) persisted,
    unique (minute, same)
);

-- What people read.

create view experiments as
select cast(e.id as varchar(20)) as experiment_id, e.name, e.lifecycle_stage, e.artifact_location,
    TIME(e.creation_time) as creation_time, TIME(e.last_update_time) as last_update_time,
    (select count(*) from run r where r.experiment = e.id and r.lifecycle_stage = 'active')
        as active_runs
from experiment e;

create view experiment_tags as
select cast(e.id as varchar(20)) as experiment_id, e.name as experiment, t.[key], t.value
from experiment_tag t join experiment e on e.id = t.experiment;

create view runs as
select r.run_id, r.name as run_name, e.name as experiment, r.status,
    TIME(r.start_time) as start_time, TIME(r.end_time) as end_time,
    (r.end_time - r.start_time) / 1000.0 as duration_seconds,
    r.user_id, r.lifecycle_stage, r.artifact_uri, cast(e.id as varchar(20)) as experiment_id
from run r join experiment e on e.id = r.experiment;

create view params as
select r.run_id, p.[key], p.value from param p join run r on r.id = p.run;

create view tags as
select r.run_id, t.[key], t.value from tag t join run r on r.id = t.run;

create view metrics as
select r.run_id, k.name as [key], p.step, PLAIN(p.value) as value,
    case when p.value = 0xFFF8000000000000 then 1 else 0 end as is_nan,
    TIME(p.timestamp) as time, p.timestamp
from metric m
join run r on r.id = m.run
join metric_key k on k.id = m.[key]
join point p on p.metric = m.id;

create view metric_summary as
select r.run_id, k.name as [key], m.count,
    PLAIN(m.last) as last, m.last_step, PLAIN(m.first) as first, m.first_step,
    PLAIN(m.min) as min, m.min_step, PLAIN(m.max) as max, m.max_step
from metric m
join run r on r.id = m.run
join metric_key k on k.id = m.[key];

create view models as
select m.model_id, m.name as model_name, e.name as experiment, m.type, m.status, m.source_run_id,
    TIME(m.creation_time) as creation_time,
    m.lifecycle_stage, m.artifact_uri, cast(e.id as varchar(20)) as experiment_id
from model m join experiment e on e.id = m.experiment;

create view registered_models as
select m.name, m.description, m.last_version,
    (select count(*) from model_version v where v.registered_model = m.id) as versions,
    TIME(m.creation_time) as creation_time,
    TIME(m.last_update_time) as last_update_time
from registered_model m;

create view registered_model_tags as
select m.name, t.[key], t.value
from registered_model_tag t join registered_model m on m.id = t.registered_model;

create view model_versions as
select m.name, v.version, v.stage, v.run_id, v.model_id, v.source, v.storage_location, v.status,
    v.user_id, v.description,
    TIME(v.creation_time) as creation_time,
    TIME(v.last_update_time) as last_update_time
from model_version v join registered_model m on m.id = v.registered_model;

create view model_version_tags as
select m.name, v.version, t.[key], t.value
from model_version_tag t join model_version v on v.id = t.model_version
join registered_model m on m.id = v.registered_model;

create view model_aliases as
select m.name, a.alias, v.version
from model_alias a join model_version v on v.id = a.model_version
join registered_model m on m.id = v.registered_model;

create view inputs as
select r.run_id, d.name as dataset, d.digest, t.value as context, d.source_type, d.source,
    d.[schema], d.profile
from input i
join run r on r.id = i.run
join dataset d on d.id = i.dataset
left join input_tag t on t.input = i.id and t.[key] = 'mlflow.data.context';

create view artifacts as
select r.run_id, a.path, a.size, lower(convert(varchar(64), a.sha256, 2)) as sha256,
    TIME(a.time) as time
from artifact a join run r on r.id = a.run;

create view users as
select name, role, case when password is null then 0 else 1 end as has_password,
    TIME(creation_time) as creation_time
from account;

create view grants as
select a.name as [user], cast(e.id as varchar(20)) as experiment_id, e.name as experiment, p.role
from permission p join account a on a.id = p.account join experiment e on e.id = p.experiment;

create view tokens as
select a.name as [user], t.name, t.read_only, TIME(t.creation_time) as creation_time,
    TIME(t.expiry_time) as expiry_time, TIME(t.last_used_time) as last_used_time
from token t join account a on a.id = t.account
where t.kind = 'token';

create view audit_log as
select TIME(first_time) as time, account as [user],
    token, address, action, target, result, count, TIME(last_time) as last_time
from audit_entry;
