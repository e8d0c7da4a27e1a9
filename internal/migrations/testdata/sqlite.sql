-- management/0001_change_feed

-- What changed, for the caches of the other servers: a topic and a key of it. source is the server that wrote the row.
-- Rows go after some minutes. The table belongs to package sqldb and to no tenant; its name tells the logical database,
-- because all four may live in one.
CREATE TABLE management_change_feed (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    source     TEXT  NOT NULL,
    tenant_id  TEXT  NOT NULL,
    topic      TEXT  NOT NULL,
    item       TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- management/0002_identity

-- People. traits and metadata are JSON as they were sent; addresses are JSON with the state of each address. available_aal
-- is what the credentials can reach, kept here so that a session need not read them. version counts the changes: each is
-- guarded by the one it was made from.
CREATE TABLE identity (
    tenant_id        TEXT  NOT NULL,
    id               TEXT   NOT NULL,
    schema_id        TEXT  NOT NULL,
    external_id      TEXT NOT NULL,
    organization_id  TEXT   NOT NULL,
    state            TEXT   NOT NULL,
    available_aal    TEXT   NOT NULL,
    traits           TEXT NOT NULL,
    metadata_public  TEXT NOT NULL,
    metadata_admin   TEXT NOT NULL,
    addresses        TEXT NOT NULL,
    version          INTEGER  NOT NULL,
    state_changed_at INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX identity_organization ON identity (tenant_id, organization_id, id);

-- What finds a person. Of a kind that is unique owner is empty, so that the key lets one identity have the value; of kind
-- search it is the identity's id. value is the digest of what is too long for a key. field tells for kind search which
-- traits hold the value.
CREATE TABLE identity_handle (
    tenant_id   TEXT  NOT NULL,
    kind        TEXT   NOT NULL,
    value       TEXT  NOT NULL,
    owner       TEXT   NOT NULL,
    identity_id TEXT   NOT NULL,
    field       TEXT NOT NULL,
    PRIMARY KEY (tenant_id, kind, value, owner)
) STRICT;

CREATE INDEX identity_handle_identity ON identity_handle (tenant_id, identity_id);

-- What a person signs in with: one row for each type. config is sealed, identifiers are a JSON list. revision counts the
-- changes of the row, version is that of the form of config.
CREATE TABLE identity_credential (
    tenant_id   TEXT  NOT NULL,
    identity_id TEXT   NOT NULL,
    type        TEXT   NOT NULL,
    config      TEXT NOT NULL,
    identifiers TEXT NOT NULL,
    version     INTEGER  NOT NULL,
    revision    INTEGER  NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, identity_id, type)
) STRICT;

-- management/0003_session

-- Who is signed in. Only the digest of the token is kept. methods and devices are what the session's document shows;
-- active is false once it was revoked. A row goes some time after it has expired.
CREATE TABLE session (
    tenant_id        TEXT  NOT NULL,
    id               TEXT   NOT NULL,
    identity_id      TEXT   NOT NULL,
    digest           TEXT   NOT NULL,
    active           INTEGER NOT NULL,
    aal              TEXT   NOT NULL,
    methods          TEXT NOT NULL,
    devices          TEXT NOT NULL,
    issued_at        INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE UNIQUE INDEX session_digest ON session (tenant_id, digest);

CREATE INDEX session_identity ON session (tenant_id, identity_id, id);

CREATE INDEX session_expiry ON session (expires_at);

-- Native apps that sign in through a browser hold one code from the beginning and get the other at the end; both together
-- give the token of the session, once.
CREATE TABLE session_exchange (
    tenant_id     TEXT  NOT NULL,
    init_digest   TEXT   NOT NULL,
    return_digest TEXT   NOT NULL,
    flow_id       TEXT   NOT NULL,
    session_id    TEXT,
    spent_at      INTEGER,
    expires_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, init_digest)
) STRICT;

CREATE INDEX session_exchange_flow ON session_exchange (tenant_id, flow_id);

CREATE INDEX session_exchange_expiry ON session_exchange (expires_at);

-- management/0004_courier

-- Messages to people, from the moment they are queued until retention deletes them. status: queued, processing, sent,
-- abandoned. send_count counts attempts and never goes back: who ends an attempt names its number, so that one who was
-- late changes nothing. due_at is when a server may take the message: the next attempt of a queued one, the end of the
-- lease of one that is being sent, nothing once it is sent or abandoned. document is sealed: subject, text and the data
-- of the template; it is emptied at sweep_at, and the row is deleted at expires_at, which is never before.
CREATE TABLE courier_message (
    tenant_id      TEXT  NOT NULL,
    id             TEXT  NOT NULL,
    status         TEXT  NOT NULL,
    channel        TEXT  NOT NULL,
    template       TEXT  NOT NULL,
    recipient      TEXT NOT NULL,
    recipient_hash TEXT  NOT NULL,
    document       TEXT NOT NULL,
    send_count     INTEGER  NOT NULL,
    dispatches     TEXT NOT NULL,
    request_id     TEXT  NOT NULL,
    due_at         INTEGER,
    sweep_at       INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX courier_message_due ON courier_message (channel, due_at);

CREATE INDEX courier_message_sweep ON courier_message (sweep_at);

CREATE INDEX courier_message_status ON courier_message (tenant_id, status, id);

CREATE INDEX courier_message_recipient ON courier_message (tenant_id, recipient_hash, id);

-- management/0005_limit

-- Failed attempts to prove a name. subject is a keyed digest of the name, alone or with the network that the attempts came
-- from. A row may go when its last failure is long ago.
CREATE TABLE limit_failure (
    tenant_id TEXT  NOT NULL,
    subject   TEXT  NOT NULL,
    failures  INTEGER  NOT NULL,
    failed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, subject)
) STRICT;

CREATE INDEX limit_failure_failed ON limit_failure (failed_at);

-- management/0006_selfservice

-- Self-service flows: logins, registrations, changes of settings, recoveries and verifications that people are in the midst
-- of, and errors that wait for the error page. The document is sealed: it holds what was typed and the digests of codes.
-- version guards every change. spent_at: the flow has come to its end and takes nothing more.
CREATE TABLE selfservice_flow (
    tenant_id  TEXT  NOT NULL,
    id         TEXT  NOT NULL,
    kind       TEXT  NOT NULL,
    document   TEXT NOT NULL,
    version    INTEGER  NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    spent_at   INTEGER,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX selfservice_flow_expires ON selfservice_flow (expires_at);

-- management/0007_identity_end

-- Identities that ended, deleted or made inactive, and of whom something has to be taken back in another database: what
-- applications hold of them. A row is written with the change itself and goes when the work is done, so that no crash in
-- between loses it. due_at is when a server may take the row: it is moved on by who takes it, as a lease.
CREATE TABLE identity_end (
    tenant_id   TEXT  NOT NULL,
    id          TEXT   NOT NULL,
    identity_id TEXT   NOT NULL,
    due_at      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX identity_end_due ON identity_end (due_at);

-- management/0008_access_rule

-- Access rules that were given by the admin API. set_name is the set with which a rule is replaced, position its place in
-- there, document the rule in Oathkeeper's format, sealed: settings of handlers hold passwords.
CREATE TABLE access_rule (
    tenant_id  TEXT  NOT NULL,
    rule_id    TEXT  NOT NULL,
    set_name   TEXT  NOT NULL,
    position   INTEGER  NOT NULL,
    document   TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, rule_id)
) STRICT;

CREATE INDEX access_rule_set ON access_rule (tenant_id, set_name);

-- How often the rules of all tenants have changed: one row. Rules are checked against all others before they are written, so
-- who writes names the revision that was checked, and of two who checked the same one comes through. It belongs to no tenant.
CREATE TABLE access_rule_revision (
    name     TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT;

INSERT INTO access_rule_revision (name, revision) VALUES ('rules', 1);

-- management/0009_session_epoch

-- A login that proved a credential just before it was replaced, or before all sessions were ended, may store its session just
-- after that. session_epoch counts these events of an identity. epoch is what it was when the credential of the session was
-- proven; sessions that outlive an event are counted up with it. One whose epoch is less opens nothing. NULL: a session of the
-- version before, which counted nothing.
ALTER TABLE identity ADD COLUMN session_epoch INTEGER NOT NULL DEFAULT 0;

ALTER TABLE session ADD COLUMN epoch INTEGER;

-- management/0010_identity_unproven

-- Whether nobody has proven any address of the identity since somebody registered it who was told nothing about the address: the
-- first verification ends that. NULL is no, as for all identities of before.
ALTER TABLE identity ADD COLUMN unproven INTEGER;

-- management/0011_access_rule_copy

-- What remote sources of access rules said last that came into force, so that a server can start while they are out of reach.
-- source is a digest of the address, which may hold a key; document the rules as they were read with their entity tag, packed and
-- sealed: settings of handlers hold passwords.
CREATE TABLE access_rule_copy (
    tenant_id TEXT  NOT NULL,
    source    TEXT  NOT NULL,
    document  TEXT NOT NULL,
    read_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, source)
) STRICT;

-- management/0012_seal_key

-- Secrets whose keys seal, or have sealed, values in this database: a server that lacks one which is not retired does not start.
-- ordinal numbers them, so that of two servers that begin to seal with different keys at the same time one is refused. estate is
-- what a retired secret left, sealed: the keys that recognize what it authenticated. The table belongs to package seal and to no
-- tenant; its name tells the logical database, because all four may live in one.
CREATE TABLE management_seal_key (
    ordinal     INTEGER    NOT NULL PRIMARY KEY,
    key_id      TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    since       INTEGER   NOT NULL,
    retired_at  INTEGER,
    estate      TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX management_seal_key_id ON management_seal_key (key_id);

-- Servers that run: which key each makes new values with, and all that it can open, with blanks between. A server begins to use
-- a key when all others can open what it makes, and a key is not retired as long as anybody makes anything with it, or has done
-- so a moment ago: since is when the server began with the one it has. seen_at is moved on every few seconds; a row that was left
-- behind may go. The table belongs to no tenant.
CREATE TABLE seal_server (
    server  TEXT  NOT NULL PRIMARY KEY,
    makes   TEXT  NOT NULL,
    since   INTEGER NOT NULL,
    opens   TEXT NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;

-- management/0013_activity

-- Events for the activity log that wait to be moved to the activity database, each written in the transaction of what it tells.
-- document is the event as JSON, without secrets. A row goes once the event is in the log. The table belongs to package
-- activity; its name tells the logical database, because several may live in one.
CREATE TABLE management_activity_outbox (
    tenant_id  TEXT  NOT NULL,
    id         TEXT   NOT NULL,
    written_at INTEGER NOT NULL,
    document   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX management_activity_outbox_written ON management_activity_outbox (written_at);

-- The same for what self-service flows tell: a flow's events ride in its own row, so that a login costs no further statement.
-- Both are NULL once the events are in the log; a row with events is not swept.
ALTER TABLE selfservice_flow ADD COLUMN activity TEXT;

ALTER TABLE selfservice_flow ADD COLUMN activity_at INTEGER;

CREATE INDEX selfservice_flow_activity ON selfservice_flow (activity_at);

-- management/0014_data_state

-- What concerns these databases themselves and not what is in them: an id, that they are held still, that they are being
-- filled. It belongs to no tenant and is never copied.
CREATE TABLE data_state (
    name       TEXT  NOT NULL PRIMARY KEY,
    value      TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- management/0015_admin_key

-- Keys that open the admin API. Of a key only a digest is kept. One whose tenant_id is * is for all tenants and the installation.
CREATE TABLE admin_key (
    tenant_id   TEXT  NOT NULL,
    id          TEXT   NOT NULL,
    digest      TEXT   NOT NULL,
    name        TEXT NOT NULL,
    role        TEXT  NOT NULL,
    areas       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    used_at     INTEGER,
    revoked_at  INTEGER,
    replaced_by TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE UNIQUE INDEX admin_key_digest ON admin_key (digest);

-- management/0016_tenant

-- Tenants that the admin API made or changed; the configuration's are not here. hosts and settings are JSON. Which hosts and
-- prefixes are taken is decided by whoever counts tenant_revision up from what they read. A tenant that is being deleted says how far
-- that is in erased, and which server is at it until when. What is left in the end is the row, so that an id means one tenant.
CREATE TABLE tenant (
    id         TEXT  NOT NULL PRIMARY KEY,
    state      TEXT   NOT NULL,
    name       TEXT NOT NULL,
    hosts      TEXT NOT NULL,
    prefix     TEXT NOT NULL,
    settings   TEXT NOT NULL,
    version    INTEGER  NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    state_at   INTEGER NOT NULL,
    erased     TEXT NOT NULL,
    eraser     TEXT   NOT NULL,
    erasing_to INTEGER
) STRICT;

CREATE TABLE tenant_revision (
    name     TEXT  NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT;

INSERT INTO tenant_revision (name, revision) VALUES ('tenants', 0);

-- management/0017_backup

-- What servers do on a schedule with backups, one row for each kind of it: the time that it was last due, who has taken that on and
-- until when nobody else may, and how it went. It speaks of this database and is never copied. The table belongs to package
-- backup and to no tenant.
CREATE TABLE backup_job (
    name         TEXT  NOT NULL PRIMARY KEY,
    due_at       INTEGER NOT NULL,
    holder       TEXT  NOT NULL,
    held_until   INTEGER NOT NULL,
    succeeded_at INTEGER,
    failed_at    INTEGER,
    failures     INTEGER  NOT NULL,
    millis       INTEGER  NOT NULL,
    bytes        INTEGER  NOT NULL,
    fault        TEXT NOT NULL
) STRICT;

-- management/0018_identity_schema

-- Identity schemas that tenants have of their own, in the place of the configuration's. document is the schema as it was written,
-- digest the SHA-256 of it, size its bytes. The one whose default_at is the latest is the default. One that was removed stays as
-- long as people follow it, so that whoever registered at that moment is not left without.
CREATE TABLE identity_schema (
    tenant_id  TEXT  NOT NULL,
    id         TEXT  NOT NULL,
    document   TEXT NOT NULL,
    digest     TEXT   NOT NULL,
    size       INTEGER  NOT NULL,
    selectable INTEGER NOT NULL,
    default_at INTEGER,
    version    INTEGER  NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    removed_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- oauth/0001_change_feed

-- What changed, for the caches of the other servers: a topic and a key of it. source is the server that wrote the row.
-- Rows go after some minutes. The table belongs to package sqldb and to no tenant; its name tells the logical database,
-- because all four may live in one.
CREATE TABLE oauth_change_feed (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    source     TEXT  NOT NULL,
    tenant_id  TEXT  NOT NULL,
    topic      TEXT  NOT NULL,
    item       TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- oauth/0002_signing_key

-- A set of keys. Its row is what a change of the set locks, so that of many servers one rotates.
CREATE TABLE signing_set (
  tenant_id TEXT NOT NULL,
  set_name TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  configured TEXT NOT NULL,
  revision INTEGER NOT NULL,
  due_at INTEGER,
  PRIMARY KEY (tenant_id, set_name)
) STRICT;

CREATE INDEX signing_set_due ON signing_set (due_at);

-- A key of a set, sealed. state: scheduled, active, retired; origin: schedule, operator.
CREATE TABLE signing_key (
  tenant_id TEXT NOT NULL,
  set_name TEXT NOT NULL,
  kid TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  key_use TEXT NOT NULL,
  state TEXT NOT NULL,
  origin TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  sealed_jwk TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  activated_at INTEGER,
  retired_at INTEGER,
  remove_at INTEGER,
  PRIMARY KEY (tenant_id, set_name, kid)
) STRICT;

-- oauth/0003_client

-- OAuth 2.0 clients. The document holds what the admin API shows (never a
-- secret); secrets holds digests and slow hashes, the current one first.
-- version counts changes, so that two writers cannot overwrite each other.
CREATE TABLE oauth_client (
    tenant_id   TEXT  NOT NULL,
    client_id   TEXT  NOT NULL,
    client_name TEXT  NOT NULL,
    owner       TEXT  NOT NULL,
    document    TEXT NOT NULL,
    secrets     TEXT NOT NULL,
    version     INTEGER  NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
) STRICT;

CREATE INDEX oauth_client_name ON oauth_client (tenant_id, client_name, client_id);

CREATE INDEX oauth_client_owner ON oauth_client (tenant_id, owner, client_id);

-- Origins from which browsers may call on behalf of a client.
CREATE TABLE oauth_client_origin (
    tenant_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    origin    TEXT NOT NULL,
    PRIMARY KEY (tenant_id, client_id, origin)
) STRICT;

-- Client assertions (private_key_jwt) that were used: each works once. A row
-- may go when the assertion has expired, for then it is refused anyway.
CREATE TABLE oauth_client_assertion_jti (
    tenant_id  TEXT  NOT NULL,
    digest     TEXT  NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, digest)
) STRICT;

CREATE INDEX oauth_client_assertion_jti_expires ON oauth_client_assertion_jti (expires_at);

-- oauth/0004_token

-- Codes, access and refresh tokens. Only digests of tokens are kept. A row is judged by its own columns: its expiry is
-- stored with it, so a changed setting never touches tokens that are out.
CREATE TABLE oauth_token (
    tenant_id  TEXT  NOT NULL,
    digest     TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    family     TEXT,
    client_id  TEXT  NOT NULL,
    grant_json TEXT NOT NULL,
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER,
    spent_at   INTEGER,
    spent_by   TEXT,
    revoked_at INTEGER,
    PRIMARY KEY (tenant_id, digest)
) STRICT;

-- Most tokens of a busy server come from client_credentials and have no family: where a database can, they are left out.
CREATE INDEX oauth_token_family ON oauth_token (tenant_id, family) WHERE family IS NOT NULL;

CREATE INDEX oauth_token_client ON oauth_token (tenant_id, client_id);

CREATE INDEX oauth_token_expiry ON oauth_token (expires_at);

-- oauth/0005_authorization

-- Authorization requests on their way through login and consent, one row per step. A step happens once: that is what
-- the primary key is for. Rows are never updated; a flow goes as a whole when it has expired.
CREATE TABLE oauth_flow (
    tenant_id  TEXT  NOT NULL,
    id         TEXT  NOT NULL,
    step       INTEGER  NOT NULL,
    document   TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id, step)
) STRICT;

CREATE INDEX oauth_flow_expires ON oauth_flow (expires_at);

-- Logins that browsers remember. subject_hash is the digest of subject: short, whatever the subject is.
CREATE TABLE oauth_login_session (
    tenant_id        TEXT  NOT NULL,
    id               TEXT  NOT NULL,
    subject_hash     TEXT  NOT NULL,
    subject          TEXT NOT NULL,
    authenticated_at INTEGER NOT NULL,
    acr              TEXT NOT NULL,
    amr              TEXT NOT NULL,
    provider_session TEXT NOT NULL,
    expires_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX oauth_login_session_subject ON oauth_login_session (tenant_id, subject_hash);

CREATE INDEX oauth_login_session_expires ON oauth_login_session (expires_at);

-- Consents. id is the flow's and the family's of the tokens that were granted (consent_request_id); writing the row is
-- the flow's last step. listed: a person was asked. remembered: it answers for later requests. review_at: when the
-- sweeper looks whether anything still hangs on it; never where it is remembered for ever.
CREATE TABLE oauth_consent (
    tenant_id        TEXT  NOT NULL,
    id               TEXT  NOT NULL,
    subject_hash     TEXT  NOT NULL,
    client_id        TEXT  NOT NULL,
    session_id       TEXT  NOT NULL,
    listed           INTEGER NOT NULL,
    remembered       INTEGER NOT NULL,
    remembered_until INTEGER,
    scope            TEXT NOT NULL,
    audience         TEXT NOT NULL,
    document         TEXT NOT NULL,
    granted_at       INTEGER NOT NULL,
    revoked_at       INTEGER,
    review_at        INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX oauth_consent_listed ON oauth_consent (tenant_id, subject_hash, listed, id);

CREATE INDEX oauth_consent_remembered ON oauth_consent (tenant_id, subject_hash, client_id, remembered, id);

CREATE INDEX oauth_consent_review ON oauth_consent (review_at);

-- Logouts that wait for a person's word. state: asked, accepted, rejected, done.
CREATE TABLE oauth_logout (
    tenant_id  TEXT  NOT NULL,
    id         TEXT  NOT NULL,
    state      TEXT  NOT NULL,
    document   TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX oauth_logout_expires ON oauth_logout (expires_at);

-- oauth/0006_activity

-- Events for the activity log that wait to be moved to the activity database, each written in the transaction of what it tells.
-- document is the event as JSON, without secrets. A row goes once the event is in the log. The table belongs to package
-- activity; its name tells the logical database, because several may live in one.
CREATE TABLE oauth_activity_outbox (
    tenant_id  TEXT  NOT NULL,
    id         TEXT   NOT NULL,
    written_at INTEGER NOT NULL,
    document   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX oauth_activity_outbox_written ON oauth_activity_outbox (written_at);

-- oauth/0007_seal_key

-- Secrets whose keys seal, or have sealed, values in this database: a server that lacks one which is not retired does not start.
-- ordinal numbers them, so that of two servers that begin to seal with different keys at the same time one is refused. estate is
-- what a retired secret left, sealed: the keys that recognize what it authenticated. The table belongs to package seal and to no
-- tenant; its name tells the logical database, because all four may live in one.
CREATE TABLE oauth_seal_key (
    ordinal     INTEGER    NOT NULL PRIMARY KEY,
    key_id      TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    since       INTEGER   NOT NULL,
    retired_at  INTEGER,
    estate      TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX oauth_seal_key_id ON oauth_seal_key (key_id);

-- activity/0001_change_feed

-- What changed, for the caches of the other servers: a topic and a key of it. source is the server that wrote the row.
-- Rows go after some minutes. The table belongs to package sqldb and to no tenant; its name tells the logical database,
-- because all four may live in one.
CREATE TABLE activity_change_feed (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    source     TEXT  NOT NULL,
    tenant_id  TEXT  NOT NULL,
    topic      TEXT  NOT NULL,
    item       TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- activity/0002_activity

-- The activity log: one line for each event, numbered per tenant without a gap. document is the event as JSON, and what counts;
-- the columns before it repeat what is searched for, cut to 191 characters. hash is the HMAC of the line and of the hash before it.
CREATE TABLE activity (
    tenant_id    TEXT  NOT NULL,
    seq          INTEGER  NOT NULL,
    id           TEXT   NOT NULL,
    happened_at  INTEGER NOT NULL,
    action       TEXT  NOT NULL,
    actor_id     TEXT  NOT NULL,
    subject_id   TEXT  NOT NULL,
    document     TEXT NOT NULL,
    hash         TEXT  NOT NULL,
    PRIMARY KEY (tenant_id, seq)
) STRICT;

CREATE UNIQUE INDEX activity_event ON activity (tenant_id, id);

CREATE INDEX activity_happened ON activity (tenant_id, happened_at);

CREATE INDEX activity_action ON activity (tenant_id, action, seq);

CREATE INDEX activity_actor ON activity (tenant_id, actor_id, seq);

CREATE INDEX activity_subject ON activity (tenant_id, subject_id, seq);

-- Where a tenant's log begins and ends: seq and hash are the last line's, first is the number of the first line that is kept and
-- anchor the hash before it. sealed_key is the key of the hashes, mac the HMAC of this row with it.
CREATE TABLE activity_head (
    tenant_id  TEXT  NOT NULL,
    seq        INTEGER  NOT NULL,
    hash       TEXT  NOT NULL,
    first      INTEGER  NOT NULL,
    anchor     TEXT  NOT NULL,
    sealed_key TEXT NOT NULL,
    mac        TEXT  NOT NULL,
    PRIMARY KEY (tenant_id)
) STRICT;

-- How far each export has come. Until lease_until the server named by owner is at it.
CREATE TABLE activity_export (
    tenant_id   TEXT  NOT NULL,
    name        TEXT  NOT NULL,
    seq         INTEGER  NOT NULL,
    owner       TEXT  NOT NULL,
    lease_until INTEGER,
    PRIMARY KEY (tenant_id, name)
) STRICT;

-- activity/0003_seal_key

-- Secrets whose keys seal, or have sealed, values in this database: a server that lacks one which is not retired does not start.
-- ordinal numbers them, so that of two servers that begin to seal with different keys at the same time one is refused. estate is
-- what a retired secret left, sealed: the keys that recognize what it authenticated. The table belongs to package seal and to no
-- tenant; its name tells the logical database, because all four may live in one.
CREATE TABLE activity_seal_key (
    ordinal     INTEGER    NOT NULL PRIMARY KEY,
    key_id      TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    since       INTEGER   NOT NULL,
    retired_at  INTEGER,
    estate      TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX activity_seal_key_id ON activity_seal_key (key_id);

-- flow/0001_change_feed

-- What changed, for the caches of the other servers: a topic and a key of it. source is the server that wrote the row.
-- Rows go after some minutes. The table belongs to package sqldb and to no tenant; its name tells the logical database,
-- because all four may live in one.
CREATE TABLE flow_change_feed (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    source     TEXT  NOT NULL,
    tenant_id  TEXT  NOT NULL,
    topic      TEXT  NOT NULL,
    item       TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- flow/0002_decision

-- What was decided at the doors: one row for each decision that was drawn as a sample. rule_id is empty where no rule
-- matched, subject where nobody in particular asked. duration_us is in microseconds; bytes is the size of the upstream's
-- answer. Rows go when decided_at is longer ago than the configured retention.
CREATE TABLE flow_decision (
    tenant_id   TEXT  NOT NULL,
    id          TEXT  NOT NULL,
    decided_at  INTEGER NOT NULL,
    rule_id     TEXT  NOT NULL,
    subject     TEXT  NOT NULL,
    method      TEXT  NOT NULL,
    host        TEXT NOT NULL,
    path        TEXT NOT NULL,
    verdict     TEXT  NOT NULL,
    reason      TEXT NOT NULL,
    duration_us INTEGER  NOT NULL,
    bytes       INTEGER  NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX flow_decision_decided ON flow_decision (decided_at);

CREATE INDEX flow_decision_rule ON flow_decision (tenant_id, rule_id, id);

