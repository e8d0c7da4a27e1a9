-- Identity schemas that tenants have of their own, in the place of the configuration's. document is the schema as it was written,
-- digest the SHA-256 of it, size its bytes. The one whose default_at is the latest is the default. One that was removed stays as
-- long as people follow it, so that whoever registered at that moment is not left without.
CREATE TABLE identity_schema (
    tenant_id  {{key}}  NOT NULL,
    id         {{key}}  NOT NULL,
    document   {{json}} NOT NULL,
    digest     {{id}}   NOT NULL,
    size       {{int}}  NOT NULL,
    selectable {{bool}} NOT NULL,
    default_at {{time}},
    version    {{int}}  NOT NULL,
    created_at {{time}} NOT NULL,
    changed_at {{time}} NOT NULL,
    removed_at {{time}},
    PRIMARY KEY (tenant_id, id)
);
