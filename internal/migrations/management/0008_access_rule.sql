-- Access rules that were given by the admin API. set_name is the set with which a rule is replaced, position its place in
-- there, document the rule in Oathkeeper's format, sealed: settings of handlers hold passwords.
CREATE TABLE access_rule (
    tenant_id  {{key}}  NOT NULL,
    rule_id    {{key}}  NOT NULL,
    set_name   {{key}}  NOT NULL,
    position   {{int}}  NOT NULL,
    document   {{sealed}} NOT NULL,
    created_at {{time}} NOT NULL,
    updated_at {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, rule_id)
);

CREATE INDEX access_rule_set ON access_rule (tenant_id, set_name);

-- How often the rules of all tenants have changed: one row. Rules are checked against all others before they are written, so
-- who writes names the revision that was checked, and of two who checked the same one comes through. It belongs to no tenant.
CREATE TABLE access_rule_revision (
    name     {{key}} NOT NULL PRIMARY KEY,
    revision {{int}} NOT NULL
);

INSERT INTO access_rule_revision (name, revision) VALUES ('rules', 1);
