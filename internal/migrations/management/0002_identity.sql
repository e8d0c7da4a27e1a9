-- People. traits and metadata are JSON as they were sent; addresses are JSON with the state of each address. available_aal
-- is what the credentials can reach, kept here so that a session need not read them. version counts the changes: each is
-- guarded by the one it was made from.
CREATE TABLE identity (
    tenant_id        {{key}}  NOT NULL,
    id               {{id}}   NOT NULL,
    schema_id        {{key}}  NOT NULL,
    external_id      {{text}} NOT NULL,
    organization_id  {{id}}   NOT NULL,
    state            {{id}}   NOT NULL,
    available_aal    {{id}}   NOT NULL,
    traits           {{json}} NOT NULL,
    metadata_public  {{json}} NOT NULL,
    metadata_admin   {{json}} NOT NULL,
    addresses        {{json}} NOT NULL,
    version          {{int}}  NOT NULL,
    state_changed_at {{time}},
    created_at       {{time}} NOT NULL,
    updated_at       {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX identity_organization ON identity (tenant_id, organization_id, id);

-- What finds a person. Of a kind that is unique owner is empty, so that the key lets one identity have the value; of kind
-- search it is the identity's id. value is the digest of what is too long for a key. field tells for kind search which
-- traits hold the value.
CREATE TABLE identity_handle (
    tenant_id   {{key}}  NOT NULL,
    kind        {{id}}   NOT NULL,
    value       {{key}}  NOT NULL,
    owner       {{id}}   NOT NULL,
    identity_id {{id}}   NOT NULL,
    field       {{text}} NOT NULL,
    PRIMARY KEY (tenant_id, kind, value, owner)
);

CREATE INDEX identity_handle_identity ON identity_handle (tenant_id, identity_id);

-- What a person signs in with: one row for each type. config is sealed, identifiers are a JSON list. revision counts the
-- changes of the row, version is that of the form of config.
CREATE TABLE identity_credential (
    tenant_id   {{key}}  NOT NULL,
    identity_id {{id}}   NOT NULL,
    type        {{id}}   NOT NULL,
    config      {{sealed}} NOT NULL,
    identifiers {{json}} NOT NULL,
    version     {{int}}  NOT NULL,
    revision    {{int}}  NOT NULL,
    created_at  {{time}} NOT NULL,
    updated_at  {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, identity_id, type)
);
