-- The tables that runlog keeps in MySQL or MariaDB: those of schema.sql, which says what they mean.
--
-- COLLATION is the server's name for comparing by code points. The value of a point is eight bytes
-- that are in the order of the numbers (runlog/db/doubles.py): there is no NaN or infinity here;
-- PLAIN(column) stands for the number. A table's rows lie by its primary key, so that a history is
-- one piece. What is too long for an index is told by its hash, `same`, in which the length of each
-- text comes before it: ('a', 'b/c') and ('a/b', 'c') are two.
-- Points and summaries are written in one transaction: there is no `recent`, and nothing to merge.

create table if not exists runlog_schema (
    version int not null
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists experiment (
    id bigint auto_increment primary key,
    name varchar(500) not null unique,
    artifact_location longtext not null,
    lifecycle_stage varchar(10) not null default 'active',
    creation_time bigint not null,
    last_update_time bigint not null
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists experiment_tag (
    experiment bigint not null,
    `key` varchar(250) not null,
    value longtext not null,
    primary key (experiment, `key`),
    foreign key (experiment) references experiment (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists run (
    id bigint auto_increment primary key,
    run_id varchar(256) not null unique,
    experiment bigint not null,
    name longtext not null,
    status varchar(20) not null,
    user_id longtext not null,
    start_time bigint not null,
    end_time bigint,
    lifecycle_stage varchar(10) not null default 'active',
    deleted_time bigint,
    artifact_uri longtext not null,
    key run_by_start (experiment, lifecycle_stage, start_time, run_id),
    foreign key (experiment) references experiment (id)
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists param (
    run bigint not null,
    `key` varchar(250) not null,
    value longtext not null,
    primary key (run, `key`),
    key param_by_value (`key`, value(250)),
    foreign key (run) references run (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists tag (
    run bigint not null,
    `key` varchar(250) not null,
    value longtext not null,
    primary key (run, `key`),
    key tag_by_value (`key`, value(250)),
    foreign key (run) references run (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists delivery (
    run bigint not null,
    sender varchar(100) not null,
    sequence bigint not null,
    primary key (run, sender),
    foreign key (run) references run (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists dataset (
    id bigint auto_increment primary key,
    experiment bigint not null,
    name longtext not null,
    digest longtext not null,
    source_type longtext not null,
    source longtext not null,
    `schema` longtext,
    profile longtext,
    same binary(32) generated always as (unhex(sha2(concat(char_length(name), ':', name, digest), 256))) stored,
    unique (experiment, same),
    foreign key (experiment) references experiment (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists input (
    id bigint auto_increment primary key,
    run bigint not null,
    dataset bigint not null,
    unique (run, dataset),
    key input_by_dataset (dataset),
    foreign key (run) references run (id) on delete cascade,
    foreign key (dataset) references dataset (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists input_tag (
    input bigint not null,
    `key` varchar(255) not null,
    value longtext not null,
    primary key (input, `key`),
    foreign key (input) references input (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists artifact (
    id bigint auto_increment primary key,
    run bigint not null,
    path longtext not null,
    size bigint not null,
    sha256 binary(32) not null,
    time bigint not null,
    same binary(32) generated always as (unhex(sha2(path, 256))) stored,
    unique (run, same),
    foreign key (run) references run (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists model (
    id bigint auto_increment primary key,
    model_id varchar(50) not null unique,
    experiment bigint not null,
    name longtext not null,
    type longtext not null,
    source_run_id varchar(256) not null,
    status varchar(30) not null default 'PENDING',
    artifact_uri longtext not null,
    creation_time bigint not null,
    last_update_time bigint not null,
    lifecycle_stage varchar(10) not null default 'active',
    key model_by_experiment (experiment),
    foreign key (experiment) references experiment (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists model_param (
    model bigint not null,
    `key` varchar(250) not null,
    value longtext not null,
    primary key (model, `key`),
    foreign key (model) references model (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists model_tag (
    model bigint not null,
    `key` varchar(250) not null,
    value longtext not null,
    primary key (model, `key`),
    foreign key (model) references model (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists model_metric (
    id bigint auto_increment primary key,
    model bigint not null,
    `key` varchar(250) not null,
    step bigint not null,
    timestamp bigint not null,
    value binary(8) not null,
    run_id varchar(256) not null,
    dataset_name longtext not null,
    dataset_digest longtext not null,
    same binary(32) generated always as (unhex(sha2(concat(step, '/', timestamp, '/', hex(value),
        '/', run_id, '/', char_length(`key`), ':', `key`, char_length(dataset_name), ':', dataset_name,
        dataset_digest), 256))) stored,
    unique (model, same),
    foreign key (model) references model (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists model_link (
    run bigint not null,
    kind varchar(10) not null,
    model bigint not null,
    step bigint not null,
    primary key (run, kind, model),
    key model_link_by_model (model),
    foreign key (run) references run (id) on delete cascade,
    foreign key (model) references model (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists registered_model (
    id bigint auto_increment primary key,
    name varchar(256) not null unique,
    description longtext,
    deployment_job_id longtext,
    last_version bigint not null default 0,
    creation_time bigint not null,
    last_update_time bigint not null
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists registered_model_tag (
    registered_model bigint not null,
    `key` varchar(250) not null,
    value longtext not null,
    primary key (registered_model, `key`),
    foreign key (registered_model) references registered_model (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists model_version (
    id bigint auto_increment primary key,
    registered_model bigint not null,
    version bigint not null,
    stage varchar(20) not null default 'None',
    description longtext,
    user_id longtext not null,
    source longtext not null,
    storage_location longtext not null,
    run_id varchar(256),
    run_link longtext,
    model_id varchar(256),
    status varchar(30) not null default 'READY',
    status_message longtext,
    creation_time bigint not null,
    last_update_time bigint not null,
    unique (registered_model, version),
    key model_version_by_run (run_id),
    key model_version_by_model (model_id),
    foreign key (registered_model) references registered_model (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists model_version_tag (
    model_version bigint not null,
    `key` varchar(250) not null,
    value longtext not null,
    primary key (model_version, `key`),
    foreign key (model_version) references model_version (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists model_alias (
    registered_model bigint not null,
    alias varchar(256) not null,
    model_version bigint not null,
    primary key (registered_model, alias),
    key model_alias_by_version (model_version),
    foreign key (model_version) references model_version (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists metric_key (
    id bigint auto_increment primary key,
    name varchar(250) not null unique
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists metric (
    id bigint auto_increment not null unique,
    run bigint not null,
    `key` bigint not null,
    count bigint not null default 0,
    last binary(8), last_step bigint, last_timestamp bigint,
    first binary(8), first_step bigint, first_timestamp bigint,
    min binary(8), min_step bigint,
    max binary(8), max_step bigint,
    primary key (run, `key`),
    key metric_by_last (`key`, last, run),
    foreign key (run) references run (id) on delete cascade,
    foreign key (`key`) references metric_key (id)
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists point (
    metric bigint not null,
    step bigint not null,
    timestamp bigint not null,
    value binary(8) not null,
    primary key (metric, step, timestamp, value)
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists account (
    id bigint auto_increment primary key,
    name varchar(250) not null unique,
    role varchar(10) not null,
    password varchar(500),
    creation_time bigint not null
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists permission (
    account bigint not null,
    experiment bigint not null,
    role varchar(10) not null,
    primary key (account, experiment),
    key permission_by_experiment (experiment),
    foreign key (account) references account (id) on delete cascade,
    foreign key (experiment) references experiment (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists token (
    id bigint auto_increment primary key,
    account bigint not null,
    name varchar(250) not null,
    kind varchar(10) not null,
    hash varchar(64) not null unique,
    read_only int not null default 0,
    creation_time bigint not null,
    expiry_time bigint,
    last_used_time bigint,
    parent bigint,
    unique (account, kind, name),
    key token_by_parent (parent),
    foreign key (account) references account (id) on delete cascade,
    foreign key (parent) references token (id) on delete cascade
) engine = InnoDB default character set utf8mb4 collate COLLATION;

create table if not exists audit_entry (
    id bigint auto_increment primary key,
    minute bigint not null,
    account longtext not null,
    token longtext not null,
    address longtext not null,
    action longtext not null,
    target longtext not null,
    result longtext not null,
    first_time bigint not null,
    last_time bigint not null,
    count bigint not null,
    same binary(32) generated always as (unhex(sha2(concat(char_length(account), ':', account,
        char_length(token), ':', token, char_length(address), ':', address, char_length(action), ':',
        action, char_length(target), ':', target, result), 256))) stored,
    unique (minute, same)
) engine = InnoDB default character set utf8mb4 collate COLLATION;

-- What people read.

create or replace view experiments as
select cast(e.id as char) as experiment_id, e.name, e.lifecycle_stage, e.artifact_location,
    from_unixtime(e.creation_time / 1000) as creation_time,
    from_unixtime(e.last_update_time / 1000) as last_update_time,
    (select count(*) from run r where r.experiment = e.id and r.lifecycle_stage = 'active')
        as active_runs
from experiment e;

create or replace view experiment_tags as
select cast(e.id as char) as experiment_id, e.name as experiment, t.`key`, t.value
from experiment_tag t join experiment e on e.id = t.experiment;

create or replace view runs as
select r.run_id, r.name as run_name, e.name as experiment, r.status,
    from_unixtime(r.start_time / 1000) as start_time,
    from_unixtime(r.end_time / 1000) as end_time,
    (r.end_time - r.start_time) / 1000.0 as duration_seconds,
    r.user_id, r.lifecycle_stage, r.artifact_uri, cast(e.id as char) as experiment_id
from run r join experiment e on e.id = r.experiment;

create or replace view params as
select r.run_id, p.`key`, p.value from param p join run r on r.id = p.run;

create or replace view tags as
select r.run_id, t.`key`, t.value from tag t join run r on r.id = t.run;

create or replace view metrics as
select r.run_id, k.name as `key`, p.step,
    PLAIN(p.value) as value, p.value = x'fff8000000000000' as is_nan,
    from_unixtime(p.timestamp / 1000) as time, p.timestamp
from metric m
join run r on r.id = m.run
join metric_key k on k.id = m.`key`
join point p on p.metric = m.id;

create or replace view metric_summary as
select r.run_id, k.name as `key`, m.count,
    PLAIN(m.last) as last, m.last_step, PLAIN(m.first) as first, m.first_step,
    PLAIN(m.min) as min, m.min_step, PLAIN(m.max) as max, m.max_step
from metric m
join run r on r.id = m.run
join metric_key k on k.id = m.`key`;

create or replace view models as
select m.model_id, m.name as model_name, e.name as experiment, m.type, m.status, m.source_run_id,
    from_unixtime(m.creation_time / 1000) as creation_time,
    m.lifecycle_stage, m.artifact_uri, cast(e.id as char) as experiment_id
from model m join experiment e on e.id = m.experiment;

create or replace view registered_models as
select m.name, m.description, m.last_version,
    (select count(*) from model_version v where v.registered_model = m.id) as versions,
    from_unixtime(m.creation_time / 1000) as creation_time,
    from_unixtime(m.last_update_time / 1000) as last_update_time
from registered_model m;

create or replace view registered_model_tags as
select m.name, t.`key`, t.value
from registered_model_tag t join registered_model m on m.id = t.registered_model;

create or replace view model_versions as
select m.name, v.version, v.stage, v.run_id, v.model_id, v.source, v.storage_location, v.status,
    v.user_id, v.description,
    from_unixtime(v.creation_time / 1000) as creation_time,
    from_unixtime(v.last_update_time / 1000) as last_update_time
from model_version v join registered_model m on m.id = v.registered_model;

create or replace view model_version_tags as
select m.name, v.version, t.`key`, t.value
from model_version_tag t join model_version v on v.id = t.model_version
join registered_model m on m.id = v.registered_model;

create or replace view model_aliases as
select m.name, a.alias, v.version
from model_alias a join model_version v on v.id = a.model_version
join registered_model m on m.id = v.registered_model;

create or replace view inputs as
select r.run_id, d.name as dataset, d.digest, t.value as context, d.source_type, d.source,
    d.`schema`, d.profile
from input i
join run r on r.id = i.run
join dataset d on d.id = i.dataset
left join input_tag t on t.input = i.id and t.`key` = 'mlflow.data.context';

create or replace view artifacts as
select r.run_id, a.path, a.size, lower(hex(a.sha256)) as sha256,
    from_unixtime(a.time / 1000) as time
from artifact a join run r on r.id = a.run;

create or replace view users as
select name, role, password is not null as has_password,
    from_unixtime(creation_time / 1000) as creation_time
from account;

create or replace view grants as
select a.name as user, cast(e.id as char) as experiment_id, e.name as experiment, p.role
from permission p join account a on a.id = p.account join experiment e on e.id = p.experiment;

create or replace view tokens as
select a.name as user, t.name, t.read_only,
    from_unixtime(t.creation_time / 1000) as creation_time,
    from_unixtime(t.expiry_time / 1000) as expiry_time,
    from_unixtime(t.last_used_time / 1000) as last_used_time
from token t join account a on a.id = t.account
where t.kind = 'token';

create or replace view audit_log as
select from_unixtime(first_time / 1000) as time, account as user,
    token, address, action, target, result, count, from_unixtime(last_time / 1000) as last_time
from audit_entry;
