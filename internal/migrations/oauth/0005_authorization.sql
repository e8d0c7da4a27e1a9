-- Authorization requests on their way through login and consent, one row per step. A step happens once: that is what
-- the primary key is for. Rows are never updated; a flow goes as a whole when it has expired.
CREATE TABLE oauth_flow (
    tenant_id  {{key}}  NOT NULL,
    id         {{key}}  NOT NULL,
    step       {{int}}  NOT NULL,
    document   {{text}} NOT NULL,
    expires_at {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, id, step)
);

CREATE INDEX oauth_flow_expires ON oauth_flow (expires_at);

-- Logins that browsers remember. subject_hash is the digest of subject: short, whatever the subject is.
CREATE TABLE oauth_login_session (
    tenant_id        {{key}}  NOT NULL,
    id               {{key}}  NOT NULL,
    subject_hash     {{key}}  NOT NULL,
    subject          {{text}} NOT NULL,
    authenticated_at {{time}} NOT NULL,
    acr              {{text}} NOT NULL,
    amr              {{text}} NOT NULL,
    provider_session {{text}} NOT NULL,
    expires_at       {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX oauth_login_session_subject ON oauth_login_session (tenant_id, subject_hash);

CREATE INDEX oauth_login_session_expires ON oauth_login_session (expires_at);

-- Consents. id is the flow's and the family's of the tokens that were granted (consent_request_id); writing the row is
-- the flow's last step. listed: a person was asked. remembered: it answers for later requests. review_at: when the
-- sweeper looks whether anything still hangs on it; never where it is remembered for ever.
CREATE TABLE oauth_consent (
    tenant_id        {{key}}  NOT NULL,
    id               {{key}}  NOT NULL,
    subject_hash     {{key}}  NOT NULL,
    client_id        {{key}}  NOT NULL,
    session_id       {{key}}  NOT NULL,
    listed           {{bool}} NOT NULL,
    remembered       {{bool}} NOT NULL,
    remembered_until {{time}},
    scope            {{text}} NOT NULL,
    audience         {{text}} NOT NULL,
    document         {{text}} NOT NULL,
    granted_at       {{time}} NOT NULL,
    revoked_at       {{time}},
    review_at        {{time}},
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX oauth_consent_listed ON oauth_consent (tenant_id, subject_hash, listed, id);

CREATE INDEX oauth_consent_remembered ON oauth_consent (tenant_id, subject_hash, client_id, remembered, id);

CREATE INDEX oauth_consent_review ON oauth_consent (review_at);

-- Logouts that wait for a person's word. state: asked, accepted, rejected, done.
CREATE TABLE oauth_logout (
    tenant_id  {{key}}  NOT NULL,
    id         {{key}}  NOT NULL,
    state      {{key}}  NOT NULL,
    document   {{text}} NOT NULL,
    expires_at {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX oauth_logout_expires ON oauth_logout (expires_at);
