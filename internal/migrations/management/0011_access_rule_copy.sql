-- What remote sources of access rules said last that came into force, so that a server can start while they are out of reach.
-- source is a digest of the address, which may hold a key; document the rules as they were read with their entity tag, packed and
-- sealed: settings of handlers hold passwords.
CREATE TABLE access_rule_copy (
    tenant_id {{key}}  NOT NULL,
    source    {{key}}  NOT NULL,
    document  {{sealed}} NOT NULL,
    read_at   {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, source)
);
