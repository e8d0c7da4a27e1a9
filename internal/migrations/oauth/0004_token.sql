-- Codes, access and refresh tokens. Only digests of tokens are kept. A row is judged by its own columns: its expiry is
-- stored with it, so a changed setting never touches tokens that are out.
CREATE TABLE oauth_token (
    tenant_id  {{key}}  NOT NULL,
    digest     {{id}}   NOT NULL,
    kind       {{id}}   NOT NULL,
    family     {{key}},
    client_id  {{key}}  NOT NULL,
    grant_json {{json}} NOT NULL,
    issued_at  {{time}} NOT NULL,
    expires_at {{time}},
    spent_at   {{time}},
    spent_by   {{id}},
    revoked_at {{time}},
    PRIMARY KEY (tenant_id, digest)
);

-- Most tokens of a busy server come from client_credentials and have no family: where a database can, they are left out.
CREATE INDEX oauth_token_family ON oauth_token (tenant_id, family){{if not mysql}} WHERE family IS NOT NULL{{end}};

CREATE INDEX oauth_token_client ON oauth_token (tenant_id, client_id);

CREATE INDEX oauth_token_expiry ON oauth_token (expires_at);
