-- The tables that runlog keeps in SQL Server: those of schema.sql, which says what they mean.
--
-- Rows that `on conflict do nothing` is about are ignored by the indexes that say so. The value of
-- a point is eight bytes that are in the order of the numbers (runlog/db/doubles.py). There are no
-- views. Nothing of this was run against a server: where runlog is tested there is none.

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

create table dataset (
    id bigint identity primary key,
    experiment bigint not null,
    name nvarchar(max) collate Latin1_General_100_BIN2 not null,
    digest nvarchar(max) collate Latin1_General_100_BIN2 not null,
    source_type nvarchar(max) collate Latin1_General_100_BIN2 not null,
    source nvarchar(max) collate Latin1_General_100_BIN2 not null,
    [schema] nvarchar(max) collate Latin1_General_100_BIN2,
    profile nvarchar(max) collate Latin1_General_100_BIN2,
    same as cast(hashbytes('SHA2_256', concat(name, '/', digest)) as binary(32)) persisted,
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
    primary key (input, [key]),
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
    same as cast(hashbytes('SHA2_256', concat_ws('/', [key], step, timestamp,
        convert(varchar(16), value, 2), run_id, dataset_name, dataset_digest)) as binary(32)) persisted,
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
    same as cast(hashbytes('SHA2_256', concat_ws('/', account, token, address,
        action, target, result)) as binary(32)) persisted,
    unique (minute, same)
);
