-- Keys that open the admin API. Of a key only a digest is kept. One whose tenant_id is * is for all tenants and the installation.
CREATE TABLE admin_key (
    tenant_id   {{key}}  NOT NULL,
    id          {{id}}   NOT NULL,
    digest      {{id}}   NOT NULL,
    name        {{text}} NOT NULL,
    role        {{key}}  NOT NULL,
    areas       {{text}} NOT NULL,
    created_at  {{time}} NOT NULL,
    expires_at  {{time}},
    used_at     {{time}},
    revoked_at  {{time}},
    replaced_by {{id}}   NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX admin_key_digest ON admin_key (digest);
