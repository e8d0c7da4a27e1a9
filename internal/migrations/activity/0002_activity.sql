-- The activity log: one line for each event, numbered per tenant without a gap. document is the event as JSON, and what counts;
-- the columns before it repeat what is searched for, cut to 191 characters. hash is the HMAC of the line and of the hash before it.
CREATE TABLE activity (
    tenant_id    {{key}}  NOT NULL,
    seq          {{int}}  NOT NULL,
    id           {{id}}   NOT NULL,
    happened_at  {{time}} NOT NULL,
    action       {{key}}  NOT NULL,
    actor_id     {{key}}  NOT NULL,
    subject_id   {{key}}  NOT NULL,
    document     {{text}} NOT NULL,
    hash         {{key}}  NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);

CREATE UNIQUE INDEX activity_event ON activity (tenant_id, id);

CREATE INDEX activity_happened ON activity (tenant_id, happened_at);

CREATE INDEX activity_action ON activity (tenant_id, action, seq);

CREATE INDEX activity_actor ON activity (tenant_id, actor_id, seq);

CREATE INDEX activity_subject ON activity (tenant_id, subject_id, seq);

-- Where a tenant's log begins and ends: seq and hash are the last line's, first is the number of the first line that is kept and
-- anchor the hash before it. sealed_key is the key of the hashes, mac the HMAC of this row with it.
CREATE TABLE activity_head (
    tenant_id  {{key}}  NOT NULL,
    seq        {{int}}  NOT NULL,
    hash       {{key}}  NOT NULL,
    first      {{int}}  NOT NULL,
    anchor     {{key}}  NOT NULL,
    sealed_key {{sealed}} NOT NULL,
    mac        {{key}}  NOT NULL,
    PRIMARY KEY (tenant_id)
);

-- How far each export has come. Until lease_until the server named by owner is at it.
CREATE TABLE activity_export (
    tenant_id   {{key}}  NOT NULL,
    name        {{key}}  NOT NULL,
    seq         {{int}}  NOT NULL,
    owner       {{key}}  NOT NULL,
    lease_until {{time}},
    PRIMARY KEY (tenant_id, name)
);
