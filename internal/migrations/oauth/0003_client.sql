-- OAuth 2.0 clients. The document holds what the admin API shows (never a
-- secret); secrets holds digests and slow hashes, the current one first.
-- version counts changes, so that two writers cannot overwrite each other.
CREATE TABLE oauth_client (
    tenant_id   {{key}}  NOT NULL,
    client_id   {{key}}  NOT NULL,
    client_name {{key}}  NOT NULL,
    owner       {{key}}  NOT NULL,
    document    {{json}} NOT NULL,
    secrets     {{text}} NOT NULL,
    version     {{int}}  NOT NULL,
    created_at  {{time}} NOT NULL,
    updated_at  {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
);

CREATE INDEX oauth_client_name ON oauth_client (tenant_id, client_name, client_id);

CREATE INDEX oauth_client_owner ON oauth_client (tenant_id, owner, client_id);

-- Origins from which browsers may call on behalf of a client.
CREATE TABLE oauth_client_origin (
    tenant_id {{key}} NOT NULL,
    client_id {{key}} NOT NULL,
    origin    {{key}} NOT NULL,
    PRIMARY KEY (tenant_id, client_id, origin)
);

-- Client assertions (private_key_jwt) that were used: each works once. A row
-- may go when the assertion has expired, for then it is refused anyway.
CREATE TABLE oauth_client_assertion_jti (
    tenant_id  {{key}}  NOT NULL,
    digest     {{key}}  NOT NULL,
    expires_at {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, digest)
);

CREATE INDEX oauth_client_assertion_jti_expires ON oauth_client_assertion_jti (expires_at);
