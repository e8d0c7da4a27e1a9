-- Messages to people, from the moment they are queued until retention deletes them. status: queued, processing, sent,
-- abandoned. send_count counts attempts and never goes back: who ends an attempt names its number, so that one who was
-- late changes nothing. due_at is when a server may take the message: the next attempt of a queued one, the end of the
-- lease of one that is being sent, nothing once it is sent or abandoned. document is sealed: subject, text and the data
-- of the template; it is emptied at sweep_at, and the row is deleted at expires_at, which is never before.
CREATE TABLE courier_message (
    tenant_id      {{key}}  NOT NULL,
    id             {{key}}  NOT NULL,
    status         {{key}}  NOT NULL,
    channel        {{key}}  NOT NULL,
    template       {{key}}  NOT NULL,
    recipient      {{text}} NOT NULL,
    recipient_hash {{key}}  NOT NULL,
    document       {{sealed}} NOT NULL,
    send_count     {{int}}  NOT NULL,
    dispatches     {{json}} NOT NULL,
    request_id     {{key}}  NOT NULL,
    due_at         {{time}},
    sweep_at       {{time}} NOT NULL,
    expires_at     {{time}} NOT NULL,
    created_at     {{time}} NOT NULL,
    updated_at     {{time}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX courier_message_due ON courier_message (channel, due_at);

CREATE INDEX courier_message_sweep ON courier_message (sweep_at);

CREATE INDEX courier_message_status ON courier_message (tenant_id, status, id);

CREATE INDEX courier_message_recipient ON courier_message (tenant_id, recipient_hash, id);
