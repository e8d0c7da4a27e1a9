-- Events for the activity log that wait to be moved to the activity database, each written in the transaction of what it tells.
-- document is the event as JSON, without secrets. A row goes once the event is in the log. The table belongs to package
-- activity; its name tells the logical database, because several may live in one.
CREATE TABLE oauth_activity_outbox (
    tenant_id  {{key}}  NOT NULL,
    id         {{id}}   NOT NULL,
    written_at {{time}} NOT NULL,
    document   {{text}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX oauth_activity_outbox_written ON oauth_activity_outbox (written_at);
