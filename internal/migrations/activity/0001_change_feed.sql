-- What changed, for the caches of the other servers: a topic and a key of it. source is the server that wrote the row.
-- Rows go after some minutes. The table belongs to package sqldb and to no tenant; its name tells the logical database,
-- because all four may live in one.
CREATE TABLE activity_change_feed (
    id         {{serial}},
    source     {{key}}  NOT NULL,
    tenant_id  {{key}}  NOT NULL,
    topic      {{key}}  NOT NULL,
    item       {{text}} NOT NULL,
    changed_at {{time}} NOT NULL
);
