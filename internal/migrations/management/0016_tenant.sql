-- Tenants that the admin API made or changed; the configuration's are not here. hosts and settings are JSON. Which hosts and
-- prefixes are taken is decided by whoever counts tenant_revision up from what they read. A tenant that is being deleted says how far
-- that is in erased, and which server is at it until when. What is left in the end is the row, so that an id means one tenant.
CREATE TABLE tenant (
    id         {{key}}  NOT NULL PRIMARY KEY,
    state      {{id}}   NOT NULL,
    name       {{text}} NOT NULL,
    hosts      {{json}} NOT NULL,
    prefix     {{text}} NOT NULL,
    settings   {{json}} NOT NULL,
    version    {{int}}  NOT NULL,
    created_at {{time}} NOT NULL,
    changed_at {{time}} NOT NULL,
    state_at   {{time}} NOT NULL,
    erased     {{json}} NOT NULL,
    eraser     {{id}}   NOT NULL,
    erasing_to {{time}}
);

CREATE TABLE tenant_revision (
    name     {{id}}  NOT NULL PRIMARY KEY,
    revision {{int}} NOT NULL
);

INSERT INTO tenant_revision (name, revision) VALUES ('tenants', 0);
