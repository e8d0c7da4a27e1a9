-- management/0001_change_feed

-- What changed, for the caches of the other servers: a topic and a key of it. source is the server that wrote the row.
-- Rows go after some minutes. The table belongs to package sqldb and to no tenant; its name tells the logical database,
-- because all four may live in one.
CREATE TABLE management_change_feed (
    id         bigint AUTO_INCREMENT PRIMARY KEY,
    source     varbinary(764)  NOT NULL,
    tenant_id  varbinary(764)  NOT NULL,
    topic      varbinary(764)  NOT NULL,
    item       mediumtext NOT NULL,
    changed_at datetime(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- management/0002_identity

-- People. traits and metadata are JSON as they were sent; addresses are JSON with the state of each address. available_aal
-- is what the credentials can reach, kept here so that a session need not read them. version counts the changes: each is
-- guarded by the one it was made from.
CREATE TABLE identity (
    tenant_id        varbinary(764)  NOT NULL,
    id               varbinary(64)   NOT NULL,
    schema_id        varbinary(764)  NOT NULL,
    external_id      mediumtext NOT NULL,
    organization_id  varbinary(64)   NOT NULL,
    state            varbinary(64)   NOT NULL,
    available_aal    varbinary(64)   NOT NULL,
    traits           longtext NOT NULL,
    metadata_public  longtext NOT NULL,
    metadata_admin   longtext NOT NULL,
    addresses        longtext NOT NULL,
    version          bigint  NOT NULL,
    state_changed_at datetime(6),
    created_at       datetime(6) NOT NULL,
    updated_at       datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX identity_organization ON identity (tenant_id, organization_id, id);

-- What finds a person. Of a kind that is unique owner is empty, so that the key lets one identity have the value; of kind
-- search it is the identity's id. value is the digest of what is too long for a key. field tells for kind search which
-- traits hold the value.
CREATE TABLE identity_handle (
    tenant_id   varbinary(764)  NOT NULL,
    kind        varbinary(64)   NOT NULL,
    value       varbinary(764)  NOT NULL,
    owner       varbinary(64)   NOT NULL,
    identity_id varbinary(64)   NOT NULL,
    field       mediumtext NOT NULL,
    PRIMARY KEY (tenant_id, kind, value, owner)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX identity_handle_identity ON identity_handle (tenant_id, identity_id);

-- What a person signs in with: one row for each type. config is sealed, identifiers are a JSON list. revision counts the
-- changes of the row, version is that of the form of config.
CREATE TABLE identity_credential (
    tenant_id   varbinary(764)  NOT NULL,
    identity_id varbinary(64)   NOT NULL,
    type        varbinary(64)   NOT NULL,
    config      mediumtext NOT NULL,
    identifiers longtext NOT NULL,
    version     bigint  NOT NULL,
    revision    bigint  NOT NULL,
    created_at  datetime(6) NOT NULL,
    updated_at  datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, identity_id, type)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- management/0003_session

-- Who is signed in. Only the digest of the token is kept. methods and devices are what the session's document shows;
-- active is false once it was revoked. A row goes some time after it has expired.
CREATE TABLE session (
    tenant_id        varbinary(764)  NOT NULL,
    id               varbinary(64)   NOT NULL,
    identity_id      varbinary(64)   NOT NULL,
    digest           varbinary(64)   NOT NULL,
    active           boolean NOT NULL,
    aal              varbinary(64)   NOT NULL,
    methods          longtext NOT NULL,
    devices          longtext NOT NULL,
    issued_at        datetime(6) NOT NULL,
    authenticated_at datetime(6) NOT NULL,
    expires_at       datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE UNIQUE INDEX session_digest ON session (tenant_id, digest);

CREATE INDEX session_identity ON session (tenant_id, identity_id, id);

CREATE INDEX session_expiry ON session (expires_at);

-- Native apps that sign in through a browser hold one code from the beginning and get the other at the end; both together
-- give the token of the session, once.
CREATE TABLE session_exchange (
    tenant_id     varbinary(764)  NOT NULL,
    init_digest   varbinary(64)   NOT NULL,
    return_digest varbinary(64)   NOT NULL,
    flow_id       varbinary(64)   NOT NULL,
    session_id    varbinary(64),
    spent_at      datetime(6),
    expires_at    datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, init_digest)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX session_exchange_flow ON session_exchange (tenant_id, flow_id);

CREATE INDEX session_exchange_expiry ON session_exchange (expires_at);

-- management/0004_courier

-- Messages to people, from the moment they are queued until retention deletes them. status: queued, processing, sent,
-- abandoned. send_count counts attempts and never goes back: who ends an attempt names its number, so that one who was
-- late changes nothing. due_at is when a server may take the message: the next attempt of a queued one, the end of the
-- lease of one that is being sent, nothing once it is sent or abandoned. document is sealed: subject, text and the data
-- of the template; it is emptied at sweep_at, and the row is deleted at expires_at, which is never before.
CREATE TABLE courier_message (
    tenant_id      varbinary(764)  NOT NULL,
    id             varbinary(764)  NOT NULL,
    status         varbinary(764)  NOT NULL,
    channel        varbinary(764)  NOT NULL,
    template       varbinary(764)  NOT NULL,
    recipient      mediumtext NOT NULL,
    recipient_hash varbinary(764)  NOT NULL,
    document       mediumtext NOT NULL,
    send_count     bigint  NOT NULL,
    dispatches     longtext NOT NULL,
    request_id     varbinary(764)  NOT NULL,
    due_at         datetime(6),
    sweep_at       datetime(6) NOT NULL,
    expires_at     datetime(6) NOT NULL,
    created_at     datetime(6) NOT NULL,
    updated_at     datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX courier_message_due ON courier_message (channel, due_at);

CREATE INDEX courier_message_sweep ON courier_message (sweep_at);

CREATE INDEX courier_message_status ON courier_message (tenant_id, status, id);

CREATE INDEX courier_message_recipient ON courier_message (tenant_id, recipient_hash, id);

-- management/0005_limit

-- Failed attempts to prove a name. subject is a keyed digest of the name, alone or with the network that the attempts came
-- from. A row may go when its last failure is long ago.
CREATE TABLE limit_failure (
    tenant_id varbinary(764)  NOT NULL,
    subject   varbinary(764)  NOT NULL,
    failures  bigint  NOT NULL,
    failed_at datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, subject)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX limit_failure_failed ON limit_failure (failed_at);

-- management/0006_selfservice

-- Self-service flows: logins, registrations, changes of settings, recoveries and verifications that people are in the midst
-- of, and errors that wait for the error page. The document is sealed: it holds what was typed and the digests of codes.
-- version guards every change. spent_at: the flow has come to its end and takes nothing more.
CREATE TABLE selfservice_flow (
    tenant_id  varbinary(764)  NOT NULL,
    id         varbinary(764)  NOT NULL,
    kind       varbinary(764)  NOT NULL,
    document   mediumtext NOT NULL,
    version    bigint  NOT NULL,
    created_at datetime(6) NOT NULL,
    updated_at datetime(6) NOT NULL,
    spent_at   datetime(6),
    expires_at datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX selfservice_flow_expires ON selfservice_flow (expires_at);

-- management/0007_identity_end

-- Identities that ended, deleted or made inactive, and of whom something has to be taken back in another database: what
-- applications hold of them. A row is written with the change itself and goes when the work is done, so that no crash in
-- between loses it. due_at is when a server may take the row: it is moved on by who takes it, as a lease.
CREATE TABLE identity_end (
    tenant_id   varbinary(764)  NOT NULL,
    id          varbinary(64)   NOT NULL,
    identity_id varbinary(64)   NOT NULL,
    due_at      datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX identity_end_due ON identity_end (due_at);

-- management/0008_access_rule

-- Access rules that were given by the admin API. set_name is the set with which a rule is replaced, position its place in
-- there, document the rule in Oathkeeper's format, sealed: settings of handlers hold passwords.
CREATE TABLE access_rule (
    tenant_id  varbinary(764)  NOT NULL,
    rule_id    varbinary(764)  NOT NULL,
    set_name   varbinary(764)  NOT NULL,
    position   bigint  NOT NULL,
    document   mediumtext NOT NULL,
    created_at datetime(6) NOT NULL,
    updated_at datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, rule_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX access_rule_set ON access_rule (tenant_id, set_name);

-- How often the rules of all tenants have changed: one row. Rules are checked against all others before they are written, so
-- who writes names the revision that was checked, and of two who checked the same one comes through. It belongs to no tenant.
CREATE TABLE access_rule_revision (
    name     varbinary(764) NOT NULL PRIMARY KEY,
    revision bigint NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO access_rule_revision (name, revision) VALUES ('rules', 1);

-- management/0009_session_epoch

-- A login that proved a credential just before it was replaced, or before all sessions were ended, may store its session just
-- after that. session_epoch counts these events of an identity. epoch is what it was when the credential of the session was
-- proven; sessions that outlive an event are counted up with it. One whose epoch is less opens nothing. NULL: a session of the
-- version before, which counted nothing.
ALTER TABLE identity ADD COLUMN session_epoch bigint NOT NULL DEFAULT 0;

ALTER TABLE session ADD COLUMN epoch bigint;

-- management/0010_identity_unproven

-- Whether nobody has proven any address of the identity since somebody registered it who was told nothing about the address: the
-- first verification ends that. NULL is no, as for all identities of before.
ALTER TABLE identity ADD COLUMN unproven boolean;

-- management/0011_access_rule_copy

-- What remote sources of access rules said last that came into force, so that a server can start while they are out of reach.
-- source is a digest of the address, which may hold a key; document the rules as they were read with their entity tag, packed and
-- sealed: settings of handlers hold passwords.
CREATE TABLE access_rule_copy (
    tenant_id varbinary(764)  NOT NULL,
    source    varbinary(764)  NOT NULL,
    document  mediumtext NOT NULL,
    read_at   datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, source)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- management/0012_seal_key

-- Secrets whose keys seal, or have sealed, values in this database: a server that lacks one which is not retired does not start.
-- ordinal numbers them, so that of two servers that begin to seal with different keys at the same time one is refused. estate is
-- what a retired secret left, sealed: the keys that recognize what it authenticated. The table belongs to package seal and to no
-- tenant; its name tells the logical database, because all four may live in one.
CREATE TABLE management_seal_key (
    ordinal     bigint    NOT NULL PRIMARY KEY,
    key_id      varbinary(764)    NOT NULL,
    fingerprint varbinary(764)    NOT NULL,
    since       datetime(6)   NOT NULL,
    retired_at  datetime(6),
    estate      mediumtext NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE UNIQUE INDEX management_seal_key_id ON management_seal_key (key_id);

-- Servers that run: which key each makes new values with, and all that it can open, with blanks between. A server begins to use
-- a key when all others can open what it makes, and a key is not retired as long as anybody makes anything with it, or has done
-- so a moment ago: since is when the server began with the one it has. seen_at is moved on every few seconds; a row that was left
-- behind may go. The table belongs to no tenant.
CREATE TABLE seal_server (
    server  varbinary(764)  NOT NULL PRIMARY KEY,
    makes   varbinary(764)  NOT NULL,
    since   datetime(6) NOT NULL,
    opens   mediumtext NOT NULL,
    seen_at datetime(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- management/0013_activity

-- Events for the activity log that wait to be moved to the activity database, each written in the transaction of what it tells.
-- document is the event as JSON, without secrets. A row goes once the event is in the log. The table belongs to package
-- activity; its name tells the logical database, because several may live in one.
CREATE TABLE management_activity_outbox (
    tenant_id  varbinary(764)  NOT NULL,
    id         varbinary(64)   NOT NULL,
    written_at datetime(6) NOT NULL,
    document   mediumtext NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX management_activity_outbox_written ON management_activity_outbox (written_at);

-- The same for what self-service flows tell: a flow's events ride in its own row, so that a login costs no further statement.
-- Both are NULL once the events are in the log; a row with events is not swept.
ALTER TABLE selfservice_flow ADD COLUMN activity mediumtext;

ALTER TABLE selfservice_flow ADD COLUMN activity_at datetime(6);

CREATE INDEX selfservice_flow_activity ON selfservice_flow (activity_at);

-- management/0014_data_state

-- What concerns these databases themselves and not what is in them: an id, that they are held still, that they are being
-- filled. It belongs to no tenant and is never copied.
CREATE TABLE data_state (
    name       varbinary(764)  NOT NULL PRIMARY KEY,
    value      mediumtext NOT NULL,
    changed_at datetime(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- management/0015_admin_key

-- Keys that open the admin API. Of a key only a digest is kept. One whose tenant_id is * is for all tenants and the installation.
CREATE TABLE admin_key (
    tenant_id   varbinary(764)  NOT NULL,
    id          varbinary(64)   NOT NULL,
    digest      varbinary(64)   NOT NULL,
    name        mediumtext NOT NULL,
    role        varbinary(764)  NOT NULL,
    areas       mediumtext NOT NULL,
    created_at  datetime(6) NOT NULL,
    expires_at  datetime(6),
    used_at     datetime(6),
    revoked_at  datetime(6),
    replaced_by varbinary(64)   NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE UNIQUE INDEX admin_key_digest ON admin_key (digest);

-- management/0016_tenant

-- Tenants that the admin API made or changed; the configuration's are not here. hosts and settings are JSON. Which hosts and
-- prefixes are taken is decided by whoever counts tenant_revision up from what they read. A tenant that is being deleted says how far
-- that is in erased, and which server is at it until when. What is left in the end is the row, so that an id means one tenant.
CREATE TABLE tenant (
    id         varbinary(764)  NOT NULL PRIMARY KEY,
    state      varbinary(64)   NOT NULL,
    name       mediumtext NOT NULL,
    hosts      longtext NOT NULL,
    prefix     mediumtext NOT NULL,
    settings   longtext NOT NULL,
    version    bigint  NOT NULL,
    created_at datetime(6) NOT NULL,
    changed_at datetime(6) NOT NULL,
    state_at   datetime(6) NOT NULL,
    erased     longtext NOT NULL,
    eraser     varbinary(64)   NOT NULL,
    erasing_to datetime(6)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE tenant_revision (
    name     varbinary(64)  NOT NULL PRIMARY KEY,
    revision bigint NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO tenant_revision (name, revision) VALUES ('tenants', 0);

-- management/0017_backup

-- What servers do on a schedule with backups, one row for each kind of it: the time that it was last due, who has taken that on and
-- until when nobody else may, and how it went. It speaks of this database and is never copied. The table belongs to package
-- backup and to no tenant.
CREATE TABLE backup_job (
    name         varbinary(764)  NOT NULL PRIMARY KEY,
    due_at       datetime(6) NOT NULL,
    holder       varbinary(764)  NOT NULL,
    held_until   datetime(6) NOT NULL,
    succeeded_at datetime(6),
    failed_at    datetime(6),
    failures     bigint  NOT NULL,
    millis       bigint  NOT NULL,
    bytes        bigint  NOT NULL,
    fault        mediumtext NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- management/0018_identity_schema

-- Identity schemas that tenants have of their own, in the place of the configuration's. document is the schema as it was written,
-- digest the SHA-256 of it, size its bytes. The one whose default_at is the latest is the default. One that was removed stays as
-- long as people follow it, so that whoever registered at that moment is not left without.
CREATE TABLE identity_schema (
    tenant_id  varbinary(764)  NOT NULL,
    id         varbinary(764)  NOT NULL,
    document   longtext NOT NULL,
    digest     varbinary(64)   NOT NULL,
    size       bigint  NOT NULL,
    selectable boolean NOT NULL,
    default_at datetime(6),
    version    bigint  NOT NULL,
    created_at datetime(6) NOT NULL,
    changed_at datetime(6) NOT NULL,
    removed_at datetime(6),
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- oauth/0001_change_feed

-- What changed, for the caches of the other servers: a topic and a key of it. source is the server that wrote the row.
-- Rows go after some minutes. The table belongs to package sqldb and to no tenant; its name tells the logical database,
-- because all four may live in one.
CREATE TABLE oauth_change_feed (
    id         bigint AUTO_INCREMENT PRIMARY KEY,
    source     varbinary(764)  NOT NULL,
    tenant_id  varbinary(764)  NOT NULL,
    topic      varbinary(764)  NOT NULL,
    item       mediumtext NOT NULL,
    changed_at datetime(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- oauth/0002_signing_key

-- A set of keys. Its row is what a change of the set locks, so that of many servers one rotates.
CREATE TABLE signing_set (
  tenant_id varbinary(764) NOT NULL,
  set_name varbinary(764) NOT NULL,
  algorithm varbinary(764) NOT NULL,
  configured varbinary(764) NOT NULL,
  revision bigint NOT NULL,
  due_at datetime(6),
  PRIMARY KEY (tenant_id, set_name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX signing_set_due ON signing_set (due_at);

-- A key of a set, sealed. state: scheduled, active, retired; origin: schedule, operator.
CREATE TABLE signing_key (
  tenant_id varbinary(764) NOT NULL,
  set_name varbinary(764) NOT NULL,
  kid varbinary(764) NOT NULL,
  algorithm varbinary(764) NOT NULL,
  key_use varbinary(764) NOT NULL,
  state varbinary(764) NOT NULL,
  origin varbinary(764) NOT NULL,
  ordinal bigint NOT NULL,
  sealed_jwk mediumtext NOT NULL,
  created_at datetime(6) NOT NULL,
  activated_at datetime(6),
  retired_at datetime(6),
  remove_at datetime(6),
  PRIMARY KEY (tenant_id, set_name, kid)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- oauth/0003_client

-- OAuth 2.0 clients. The document holds what the admin API shows (never a
-- secret); secrets holds digests and slow hashes, the current one first.
-- version counts changes, so that two writers cannot overwrite each other.
CREATE TABLE oauth_client (
    tenant_id   varbinary(764)  NOT NULL,
    client_id   varbinary(764)  NOT NULL,
    client_name varbinary(764)  NOT NULL,
    owner       varbinary(764)  NOT NULL,
    document    longtext NOT NULL,
    secrets     mediumtext NOT NULL,
    version     bigint  NOT NULL,
    created_at  datetime(6) NOT NULL,
    updated_at  datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX oauth_client_name ON oauth_client (tenant_id, client_name, client_id);

CREATE INDEX oauth_client_owner ON oauth_client (tenant_id, owner, client_id);

-- Origins from which browsers may call on behalf of a client.
CREATE TABLE oauth_client_origin (
    tenant_id varbinary(764) NOT NULL,
    client_id varbinary(764) NOT NULL,
    origin    varbinary(764) NOT NULL,
    PRIMARY KEY (tenant_id, client_id, origin)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Client assertions (private_key_jwt) that were used: each works once. A row
-- may go when the assertion has expired, for then it is refused anyway.
CREATE TABLE oauth_client_assertion_jti (
    tenant_id  varbinary(764)  NOT NULL,
    digest     varbinary(764)  NOT NULL,
    expires_at datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, digest)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX oauth_client_assertion_jti_expires ON oauth_client_assertion_jti (expires_at);

-- oauth/0004_token

-- Codes, access and refresh tokens. Only digests of tokens are kept. A row is judged by its own columns: its expiry is
-- stored with it, so a changed setting never touches tokens that are out.
CREATE TABLE oauth_token (
    tenant_id  varbinary(764)  NOT NULL,
    digest     varbinary(64)   NOT NULL,
    kind       varbinary(64)   NOT NULL,
    family     varbinary(764),
    client_id  varbinary(764)  NOT NULL,
    grant_json longtext NOT NULL,
    issued_at  datetime(6) NOT NULL,
    expires_at datetime(6),
    spent_at   datetime(6),
    spent_by   varbinary(64),
    revoked_at datetime(6),
    PRIMARY KEY (tenant_id, digest)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Most tokens of a busy server come from client_credentials and have no family: where a database can, they are left out.
CREATE INDEX oauth_token_family ON oauth_token (tenant_id, family);

CREATE INDEX oauth_token_client ON oauth_token (tenant_id, client_id);

CREATE INDEX oauth_token_expiry ON oauth_token (expires_at);

-- oauth/0005_authorization

-- Authorization requests on their way through login and consent, one row per step. A step happens once: that is what
-- the primary key is for. Rows are never updated; a flow goes as a whole when it has expired.
CREATE TABLE oauth_flow (
    tenant_id  varbinary(764)  NOT NULL,
    id         varbinary(764)  NOT NULL,
    step       bigint  NOT NULL,
    document   mediumtext NOT NULL,
    expires_at datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, id, step)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX oauth_flow_expires ON oauth_flow (expires_at);

-- Logins that browsers remember. subject_hash is the digest of subject: short, whatever the subject is.
CREATE TABLE oauth_login_session (
    tenant_id        varbinary(764)  NOT NULL,
    id               varbinary(764)  NOT NULL,
    subject_hash     varbinary(764)  NOT NULL,
    subject          mediumtext NOT NULL,
    authenticated_at datetime(6) NOT NULL,
    acr              mediumtext NOT NULL,
    amr              mediumtext NOT NULL,
    provider_session mediumtext NOT NULL,
    expires_at       datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX oauth_login_session_subject ON oauth_login_session (tenant_id, subject_hash);

CREATE INDEX oauth_login_session_expires ON oauth_login_session (expires_at);

-- Consents. id is the flow's and the family's of the tokens that were granted (consent_request_id); writing the row is
-- the flow's last step. listed: a person was asked. remembered: it answers for later requests. review_at: when the
-- sweeper looks whether anything still hangs on it; never where it is remembered for ever.
CREATE TABLE oauth_consent (
    tenant_id        varbinary(764)  NOT NULL,
    id               varbinary(764)  NOT NULL,
    subject_hash     varbinary(764)  NOT NULL,
    client_id        varbinary(764)  NOT NULL,
    session_id       varbinary(764)  NOT NULL,
    listed           boolean NOT NULL,
    remembered       boolean NOT NULL,
    remembered_until datetime(6),
    scope            mediumtext NOT NULL,
    audience         mediumtext NOT NULL,
    document         mediumtext NOT NULL,
    granted_at       datetime(6) NOT NULL,
    revoked_at       datetime(6),
    review_at        datetime(6),
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX oauth_consent_listed ON oauth_consent (tenant_id, subject_hash, listed, id);

CREATE INDEX oauth_consent_remembered ON oauth_consent (tenant_id, subject_hash, client_id, remembered, id);

CREATE INDEX oauth_consent_review ON oauth_consent (review_at);

-- Logouts that wait for a person's word. state: asked, accepted, rejected, done.
CREATE TABLE oauth_logout (
    tenant_id  varbinary(764)  NOT NULL,
    id         varbinary(764)  NOT NULL,
    state      varbinary(764)  NOT NULL,
    document   mediumtext NOT NULL,
    expires_at datetime(6) NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX oauth_logout_expires ON oauth_logout (expires_at);

-- oauth/0006_activity

-- Events for the activity log that wait to be moved to the activity database, each written in the transaction of what it tells.
-- document is the event as JSON, without secrets. A row goes once the event is in the log. The table belongs to package
-- activity; its name tells the logical database, because several may live in one.
CREATE TABLE oauth_activity_outbox (
    tenant_id  varbinary(764)  NOT NULL,
    id         varbinary(64)   NOT NULL,
    written_at datetime(6) NOT NULL,
    document   mediumtext NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX oauth_activity_outbox_written ON oauth_activity_outbox (written_at);

-- oauth/0007_seal_key

-- Secrets whose keys seal, or have sealed, values in this database: a server that lacks one which is not retired does not start.
-- ordinal numbers them, so that of two servers that begin to seal with different keys at the same time one is refused. estate is
-- what a retired secret left, sealed: the keys that recognize what it authenticated. The table belongs to package seal and to no
-- tenant; its name tells the logical database, because all four may live in one.
CREATE TABLE oauth_seal_key (
    ordinal     bigint    NOT NULL PRIMARY KEY,
    key_id      varbinary(764)    NOT NULL,
    fingerprint varbinary(764)    NOT NULL,
    since       datetime(6)   NOT NULL,
    retired_at  datetime(6),
    estate      mediumtext NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE UNIQUE INDEX oauth_seal_key_id ON oauth_seal_key (key_id);

-- activity/0001_change_feed

-- What changed, for the caches of the other servers: a topic and a key of it. source is the server that wrote the row.
-- Rows go after some minutes. The table belongs to package sqldb and to no tenant; its name tells the logical database,
-- because all four may live in one.
CREATE TABLE activity_change_feed (
    id         bigint AUTO_INCREMENT PRIMARY KEY,
    source     varbinary(764)  NOT NULL,
    tenant_id  varbinary(764)  NOT NULL,
    topic      varbinary(764)  NOT NULL,
    item       mediumtext NOT NULL,
    changed_at datetime(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- activity/0002_activity

-- The activity log: one line for each event, numbered per tenant without a gap. document is the event as JSON, and what counts;
-- the columns before it repeat what is searched for, cut to 191 characters. hash is the HMAC of the line and of the hash before it.
CREATE TABLE activity (
    tenant_id    varbinary(764)  NOT NULL,
    seq          bigint  NOT NULL,
    id           varbinary(64)   NOT NULL,
    happened_at  datetime(6) NOT NULL,
    action       varbinary(764)  NOT NULL,
    actor_id     varbinary(764)  NOT NULL,
    subject_id   varbinary(764)  NOT NULL,
    document     mediumtext NOT NULL,
    hash         varbinary(764)  NOT NULL,
    PRIMARY KEY (tenant_id, seq)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE UNIQUE INDEX activity_event ON activity (tenant_id, id);

CREATE INDEX activity_happened ON activity (tenant_id, happened_at);

CREATE INDEX activity_action ON activity (tenant_id, action, seq);

CREATE INDEX activity_actor ON activity (tenant_id, actor_id, seq);

CREATE INDEX activity_subject ON activity (tenant_id, subject_id, seq);

-- Where a tenant's log begins and ends: seq and hash are the last line's, first is the number of the first line that is kept and
-- anchor the hash before it. sealed_key is the key of the hashes, mac the HMAC of this row with it.
CREATE TABLE activity_head (
    tenant_id  varbinary(764)  NOT NULL,
    seq        bigint  NOT NULL,
    hash       varbinary(764)  NOT NULL,
    first      bigint  NOT NULL,
    anchor     varbinary(764)  NOT NULL,
    sealed_key mediumtext NOT NULL,
    mac        varbinary(764)  NOT NULL,
    PRIMARY KEY (tenant_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- How far each export has come. Until lease_until the server named by owner is at it.
CREATE TABLE activity_export (
    tenant_id   varbinary(764)  NOT NULL,
    name        varbinary(764)  NOT NULL,
    seq         bigint  NOT NULL,
    owner       varbinary(764)  NOT NULL,
    lease_until datetime(6),
    PRIMARY KEY (tenant_id, name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- activity/0003_seal_key

-- Secrets whose keys seal, or have sealed, values in this database: a server that lacks one which is not retired does not start.
-- ordinal numbers them, so that of two servers that begin to seal with different keys at the same time one is refused. estate is
-- what a retired secret left, sealed: the keys that recognize what it authenticated. The table belongs to package seal and to no
-- tenant; its name tells the logical database, because all four may live in one.
CREATE TABLE activity_seal_key (
    ordinal     bigint    NOT NULL PRIMARY KEY,
    key_id      varbinary(764)    NOT NULL,
    fingerprint varbinary(764)    NOT NULL,
    since       datetime(6)   NOT NULL,
    retired_at  datetime(6),
    estate      mediumtext NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE UNIQUE INDEX activity_seal_key_id ON activity_seal_key (key_id);

-- flow/0001_change_feed

-- What changed, for the caches of the other servers: a topic and a key of it. source is the server that wrote the row.
-- Rows go after some minutes. The table belongs to package sqldb and to no tenant; its name tells the logical database,
-- because all four may live in one.
CREATE TABLE flow_change_feed (
    id         bigint AUTO_INCREMENT PRIMARY KEY,
    source     varbinary(764)  NOT NULL,
    tenant_id  varbinary(764)  NOT NULL,
    topic      varbinary(764)  NOT NULL,
    item       mediumtext NOT NULL,
    changed_at datetime(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- flow/0002_decision

-- What was decided at the doors: one row for each decision that was drawn as a sample. rule_id is empty where no rule
-- matched, subject where nobody in particular asked. duration_us is in microseconds; bytes is the size of the upstream's
-- answer. Rows go when decided_at is longer ago than the configured retention.
CREATE TABLE flow_decision (
    tenant_id   varbinary(764)  NOT NULL,
    id          varbinary(764)  NOT NULL,
    decided_at  datetime(6) NOT NULL,
    rule_id     varbinary(764)  NOT NULL,
    subject     varbinary(764)  NOT NULL,
    method      varbinary(764)  NOT NULL,
    host        mediumtext NOT NULL,
    path        mediumtext NOT NULL,
    verdict     varbinary(764)  NOT NULL,
    reason      mediumtext NOT NULL,
    duration_us bigint  NOT NULL,
    bytes       bigint  NOT NULL,
    PRIMARY KEY (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX flow_decision_decided ON flow_decision (decided_at);

CREATE INDEX flow_decision_rule ON flow_decision (tenant_id, rule_id, id);

