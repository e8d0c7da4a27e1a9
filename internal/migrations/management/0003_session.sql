-- Who is signed in. Only the digest of the token is kept. methods and devices are what the session's document shows;
-- active is false once it was revoked. A row goes some time after it has expired.
CREATE TABLE session (
    tenant_id        {{key}}  NOT NULL,
    id               {{id}}   NOT NULL,
    identity_id      {{id}}   NOT NULL,
    digest           {{id}}   NOT NULL,
    active           {{bool}} NOT NULL,
    aal              {{id}}   NOT NULL,
    methods          {{json}} NOT NULL,
    devices          {{json}} NOT NULL,
    issued_at        {{time}} NOT NULL,
    authenticated_at {{time}} NOT NULL,
    expires_at       {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX session_digest ON session (tenant_id, digest);

CREATE INDEX session_identity ON session (tenant_id, identity_id, id);

CREATE INDEX session_expiry ON session (expires_at);

-- Native apps that sign in through a browser hold one code from the beginning and get the other at the end; both together
-- give the token of the session, once.
CREATE TABLE session_exchange (
    tenant_id     {{key}}  NOT NULL,
    init_digest   {{id}}   NOT NULL,
    return_digest {{id}}   NOT NULL,
    flow_id       {{id}}   NOT NULL,
    session_id    {{id}},
    spent_at      {{time}},
    expires_at    {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, init_digest)
);

CREATE INDEX session_exchange_flow ON session_exchange (tenant_id, flow_id);

CREATE INDEX session_exchange_expiry ON session_exchange (expires_at);
