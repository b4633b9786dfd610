-- A store of version 4, as AegisFlow 0.1.0 wrote it.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.audit_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$BEGIN RAISE EXCEPTION 'the audit is append-only'; END$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alarm_events (
    id bigint NOT NULL,
    alarm_id text NOT NULL,
    at double precision NOT NULL,
    change text NOT NULL,
    by text NOT NULL,
    alarm text NOT NULL
);
CREATE SEQUENCE public.alarm_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.alarm_events_id_seq OWNED BY public.alarm_events.id;
CREATE TABLE public.anomalies (
    alarm_id text NOT NULL,
    device_id text NOT NULL,
    fault_type text NOT NULL,
    first_type text NOT NULL,
    severity text NOT NULL,
    severity_rank integer NOT NULL,
    state text NOT NULL,
    detector text NOT NULL,
    evidence text NOT NULL,
    reasons text NOT NULL,
    raised_at double precision NOT NULL,
    changed_at double precision NOT NULL,
    cleared_at double precision,
    acknowledged_at double precision,
    acknowledged_by text NOT NULL,
    note text NOT NULL,
    repeats integer NOT NULL,
    set_aside_by text NOT NULL,
    set_aside_reason text NOT NULL,
    shelved_until double precision
);
CREATE TABLE public.audit (
    id bigint NOT NULL,
    at double precision NOT NULL,
    actor text NOT NULL,
    act text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    prev_hash text NOT NULL,
    hash text NOT NULL
);
CREATE SEQUENCE public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.audit_id_seq OWNED BY public.audit.id;
CREATE TABLE public.commands (
    command_id text NOT NULL,
    device_id text NOT NULL,
    command text NOT NULL,
    parameters text NOT NULL,
    proposer text NOT NULL,
    proposer_kind text NOT NULL,
    justification text NOT NULL,
    proposed_at double precision NOT NULL,
    stage text NOT NULL,
    stage_at double precision NOT NULL,
    reasons text NOT NULL,
    next_step text NOT NULL,
    expires_at double precision,
    digest text NOT NULL,
    state_version text NOT NULL,
    approvals_needed integer NOT NULL,
    approved_by text NOT NULL,
    facts text NOT NULL,
    send_by double precision,
    expectation text NOT NULL
);
CREATE TABLE public.dead_letters (
    id bigint NOT NULL,
    at double precision NOT NULL,
    topic text NOT NULL,
    device_id text,
    reason text NOT NULL,
    detail text NOT NULL,
    payload bytea NOT NULL,
    size integer NOT NULL,
    sha256 text NOT NULL
);
CREATE SEQUENCE public.dead_letters_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.dead_letters_id_seq OWNED BY public.dead_letters.id;
CREATE TABLE public.devices (
    key integer NOT NULL,
    name text NOT NULL
);
CREATE SEQUENCE public.devices_key_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.devices_key_seq OWNED BY public.devices.key;
CREATE TABLE public.fresh_readings (
    bucket integer NOT NULL,
    number bigint NOT NULL,
    device integer NOT NULL,
    at double precision NOT NULL,
    vals text NOT NULL
);
CREATE TABLE public.incident_revisions (
    id bigint NOT NULL,
    incident_id bigint NOT NULL,
    revision integer NOT NULL,
    changed_at double precision NOT NULL,
    changed_by text NOT NULL,
    note text NOT NULL,
    report text NOT NULL
);
CREATE SEQUENCE public.incident_revisions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.incident_revisions_id_seq OWNED BY public.incident_revisions.id;
CREATE TABLE public.incidents (
    id bigint NOT NULL,
    device_id text NOT NULL,
    kind text NOT NULL,
    alarm_id text,
    fault_type text NOT NULL,
    severity text NOT NULL,
    title text NOT NULL,
    root_cause text NOT NULL,
    actions_taken text NOT NULL,
    outcome text NOT NULL,
    author text NOT NULL,
    origin text NOT NULL,
    occurred_at double precision NOT NULL,
    reported_at double precision NOT NULL,
    reviewed boolean NOT NULL,
    reviewed_by text NOT NULL,
    reviewed_at double precision,
    withdrawn boolean NOT NULL,
    revision integer NOT NULL,
    signs text NOT NULL,
    commands text NOT NULL
);
CREATE SEQUENCE public.incidents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.incidents_id_seq OWNED BY public.incidents.id;
CREATE TABLE public.minutes (
    device integer NOT NULL,
    at double precision NOT NULL,
    readings integer NOT NULL,
    vals text NOT NULL
);
CREATE TABLE public.readings (
    device integer NOT NULL,
    at double precision NOT NULL,
    vals text NOT NULL
);
CREATE TABLE public.schema_version (
    version integer NOT NULL,
    applied_at double precision NOT NULL
);
ALTER TABLE ONLY public.alarm_events ALTER COLUMN id SET DEFAULT nextval('public.alarm_events_id_seq'::regclass);
ALTER TABLE ONLY public.audit ALTER COLUMN id SET DEFAULT nextval('public.audit_id_seq'::regclass);
ALTER TABLE ONLY public.dead_letters ALTER COLUMN id SET DEFAULT nextval('public.dead_letters_id_seq'::regclass);
ALTER TABLE ONLY public.devices ALTER COLUMN key SET DEFAULT nextval('public.devices_key_seq'::regclass);
ALTER TABLE ONLY public.incident_revisions ALTER COLUMN id SET DEFAULT nextval('public.incident_revisions_id_seq'::regclass);
ALTER TABLE ONLY public.incidents ALTER COLUMN id SET DEFAULT nextval('public.incidents_id_seq'::regclass);
INSERT INTO public.alarm_events VALUES (1, 'pump-01@20260131T080000', 1769846400, 'raised', '', '{"alarm_id":"pump-01@20260131T080000","device_id":"pump-01","fault_type":"pressure_leak","first_type":"unclassified","severity":"high","state":"unacknowledged","detector":"zscore","evidence":[{"sensor":"pressure","detector":"zscore","value":15.0,"baseline":31.5,"spread":1.0,"z":-16.5,"direction":"low","since":1769846385.0}],"raised_at":1769846400.0,"changed_at":1769846400.0,"cleared_at":null,"acknowledged_at":null,"acknowledged_by":"","note":"","repeats":3,"reasons":["pressure fell while power rose"],"set_aside_by":"","set_aside_reason":"","shelved_until":null}');
INSERT INTO public.alarm_events VALUES (2, 'pump-02@20260131T080100', 1769846409, 'acknowledged', 'ana', '{"alarm_id":"pump-02@20260131T080100","device_id":"pump-02","fault_type":"pressure_leak","first_type":"unclassified","severity":"high","state":"acknowledged","detector":"zscore","evidence":[{"sensor":"pressure","detector":"zscore","value":15.0,"baseline":31.5,"spread":1.0,"z":-16.5,"direction":"low","since":1769846385.0}],"raised_at":1769846400.0,"changed_at":1769846400.0,"cleared_at":null,"acknowledged_at":1769846409.0,"acknowledged_by":"ana","note":"it''s on","repeats":3,"reasons":["pressure fell while power rose"],"set_aside_by":"","set_aside_reason":"","shelved_until":null}');
INSERT INTO public.anomalies VALUES ('pump-01@20260131T080000', 'pump-01', 'pressure_leak', 'unclassified', 'high', 2, 'unacknowledged', 'zscore', '[{"sensor":"pressure","detector":"zscore","value":15.0,"baseline":31.5,"spread":1.0,"z":-16.5,"direction":"low","since":1769846385.0}]', '["pressure fell while power rose"]', 1769846400, 1769846400, NULL, NULL, '', '', 3, '', '', NULL);
INSERT INTO public.anomalies VALUES ('pump-02@20260131T080100', 'pump-02', 'pressure_leak', 'unclassified', 'high', 2, 'acknowledged', 'zscore', '[{"sensor":"pressure","detector":"zscore","value":15.0,"baseline":31.5,"spread":1.0,"z":-16.5,"direction":"low","since":1769846385.0}]', '["pressure fell while power rose"]', 1769846400, 1769846400, NULL, 1769846409, 'ana', 'it''s on', 3, '', '', NULL);
INSERT INTO public.audit VALUES (1, 1769846400, 'aegisflow', 'plant_reloaded', 'plant.yaml', '{"applied":true}', '0000000000000000000000000000000000000000000000000000000000000000', 'dac471015507cf5b42a358d9515237efeca123f3e17c6511bb2db0823b51586e');
INSERT INTO public.audit VALUES (2, 1769846410, 'guard', 'command_verified', 'pump-01', '{"command_id":"cmd-000000000001","command":"reduce_load"}', 'dac471015507cf5b42a358d9515237efeca123f3e17c6511bb2db0823b51586e', '594cb83249c8a100f83aff97937b9032f3dd1dd16f5314d3576556d6d46afb1f');
INSERT INTO public.audit VALUES (3, 1769846420, 'guard', 'command_denied', 'pump-01', '{"command_id":"cmd-000000000002","command":"set_parameter"}', '594cb83249c8a100f83aff97937b9032f3dd1dd16f5314d3576556d6d46afb1f', 'c6a5606a8c61fa93720fd671b7f7a0f4c43a1e434abaf76968ba7691935c93a3');
INSERT INTO public.audit VALUES (4, 1769846430, 'guard', 'command_awaiting_approval', 'pump-01', '{"command_id":"cmd-000000000003","command":"emergency_shutdown"}', 'c6a5606a8c61fa93720fd671b7f7a0f4c43a1e434abaf76968ba7691935c93a3', 'e26f10a8738d559f6f49e3c16dd376b2acef7cfc03a6f001c066760d1b32d147');
INSERT INTO public.audit VALUES (5, 1769846440, 'guard', 'command_dispatched', 'pump-02', '{"command_id":"cmd-000000000004","command":"restart"}', 'e26f10a8738d559f6f49e3c16dd376b2acef7cfc03a6f001c066760d1b32d147', '29fb3a55d611ffad3ff5581402423a69cfab5c3be2e5af397b469da9eabe3c8f');
INSERT INTO public.audit VALUES (6, 1769846460, 'claude', 'incident_reported', 'incident 1', '{"device_id":"pump-01","fault_type":"pressure_leak","origin":"agent"}', '29fb3a55d611ffad3ff5581402423a69cfab5c3be2e5af397b469da9eabe3c8f', 'f5ed55d6f93527183e04c8c3ba5195a81dc520537be8b166408ef895d93e84ee');
INSERT INTO public.audit VALUES (7, 1769846460, 'ada', 'incident_reviewed', 'incident 1', '{"revision":2,"changed":["root_cause"],"note":"looked at it"}', 'f5ed55d6f93527183e04c8c3ba5195a81dc520537be8b166408ef895d93e84ee', '90daf76f8af2e9e78786cf0a4664605688f33328fc2d4ec8fd352e7cb674b1e5');
INSERT INTO public.audit VALUES (8, 1769846409, 'ana','alarm_acknowledged','pump-02@20260131T080100','{"kind":"operator","device_id":"pump-02","note":"it''s on"}','90daf76f8af2e9e78786cf0a4664605688f33328fc2d4ec8fd352e7cb674b1e5','f409f42ab97d4b8fdd2f6615f2560db786f19a9b585aead0fe2377f7f96d1012');
INSERT INTO public.commands VALUES ('cmd-000000000001', 'pump-01', 'reduce_load', '{"reduction_pct":30.0}', 'claude', 'agent', 'pressure falls; 30 % is the mildest ‘reduction’', 1769846410, 'verified', 1769846410, '["30 % is the mildest"]', 'wait for Ada', NULL, 'd1', 'normal/0/1', 1, '["ada"]', '["pressure 15 PSI"]', 1769846440, '{"sensor":"power","low":null,"high":17.0,"within_s":240.0,"readings":5,"full_load":20.0}');
INSERT INTO public.commands VALUES ('cmd-000000000002', 'pump-01', 'set_parameter', '{"name":"speed","value":1480.0}', 'claude', 'agent', 'pressure falls; 30 % is the mildest ‘reduction’', 1769846420, 'denied', 1769846420, '["30 % is the mildest"]', 'wait for Ada', NULL, '', '', 0, '[]', '[]', NULL, 'null');
INSERT INTO public.commands VALUES ('cmd-000000000003', 'pump-01', 'emergency_shutdown', '{}', 'claude', 'agent', 'pressure falls; 30 % is the mildest ‘reduction’', 1769846430, 'awaiting_approval', 1769846430, '["30 % is the mildest"]', 'wait for Ada', 1769847330, 'd3', 'reduced_load/30/1', 2, '["ada"]', '["a","b"]', NULL, 'null');
INSERT INTO public.commands VALUES ('cmd-000000000004', 'pump-02', 'restart', '{}', 'ada', 'operator', 'pressure falls; 30 % is the mildest ‘reduction’', 1769846440, 'dispatched', 1769846440, '["30 % is the mildest"]', 'wait for Ada', NULL, '', '', 0, '[]', '[]', 1769846470, 'null');
INSERT INTO public.dead_letters VALUES (1, 1769846400, 'aegisflow/sensors/pump-01', 'pump-01', 'not_json', 'line 1', '\x00ff7b', 3, 'abababababababababababababababababababababababababababababababab');
INSERT INTO public.devices VALUES (1, 'pump-01');
INSERT INTO public.devices VALUES (2, 'pump-02');
INSERT INTO public.fresh_readings VALUES (0, 13, 2, 1769846400, '{"temperature":71.0}');
INSERT INTO public.incident_revisions VALUES (1, 1, 1, 1769846460, 'ada', 'looked at it', '{"title":"Leak","root_cause":"seal worn","actions_taken":"seal replaced","outcome":"pressure back","fault_type":"pressure_leak","severity":"high","occurred_at":1769846430.0}');
INSERT INTO public.incidents VALUES (1, 'pump-01', 'pump', 'pump-01@20260131T080000', 'pressure_leak', 'high', 'Leak', 'seal ring worn', 'seal replaced', 'pressure back', 'claude', 'agent', 1769846430, 1769846460, true, 'ada', 1769846460, false, 2, '["pressure low"]', '["cmd-000000000001","cmd-000000000002","cmd-000000000003"]');
INSERT INTO public.readings VALUES (1, 1769846400.3333333, '{"temperature":70.0,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846405.3333333, '{"temperature":70.1,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846410.3333333, '{"temperature":70.2,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846415.3333333, '{"temperature":70.3,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846420.3333333, '{"temperature":70.4,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846425.3333333, '{"temperature":70.5,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846430.3333333, '{"temperature":70.6,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846435.3333333, '{"temperature":70.7,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846440.3333333, '{"temperature":70.8,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846445.3333333, '{"temperature":70.9,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846450.3333333, '{"temperature":71.0,"pressure":31.5}');
INSERT INTO public.readings VALUES (1, 1769846455.3333333, '{"temperature":71.1,"pressure":31.5}');
INSERT INTO public.schema_version VALUES (4, 1796006147.1442978);
SELECT pg_catalog.setval('public.alarm_events_id_seq', 2, true);
SELECT pg_catalog.setval('public.audit_id_seq', 8, true);
SELECT pg_catalog.setval('public.dead_letters_id_seq', 1, true);
SELECT pg_catalog.setval('public.devices_key_seq', 2, true);
SELECT pg_catalog.setval('public.incident_revisions_id_seq', 1, true);
SELECT pg_catalog.setval('public.incidents_id_seq', 1, true);
ALTER TABLE ONLY public.alarm_events
    ADD CONSTRAINT alarm_events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.anomalies
    ADD CONSTRAINT anomalies_pkey PRIMARY KEY (alarm_id);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.commands
    ADD CONSTRAINT commands_pkey PRIMARY KEY (command_id);
ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.fresh_readings
    ADD CONSTRAINT fresh_readings_pkey PRIMARY KEY (bucket, number);
ALTER TABLE ONLY public.incident_revisions
    ADD CONSTRAINT incident_revisions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.incidents
    ADD CONSTRAINT incidents_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.minutes
    ADD CONSTRAINT minutes_pkey PRIMARY KEY (device, at);
ALTER TABLE ONLY public.readings
    ADD CONSTRAINT readings_pkey PRIMARY KEY (device, at);
ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (version);
CREATE INDEX alarmchange_alarm_id ON public.alarm_events USING btree (alarm_id);
CREATE INDEX anomalies_open ON public.anomalies USING btree (device_id) WHERE (state <> 'normal'::text);
CREATE INDEX anomaly_device_id_raised_at ON public.anomalies USING btree (device_id, raised_at);
CREATE INDEX anomaly_raised_at_alarm_id ON public.anomalies USING btree (raised_at, alarm_id);
CREATE INDEX auditrow_act ON public.audit USING btree (act);
CREATE UNIQUE INDEX device_name ON public.devices USING btree (name);
CREATE INDEX incidentreport_device_id_fault_type_withdrawn_reviewed_o_d9996a ON public.incidents USING btree (device_id, fault_type, withdrawn, reviewed, occurred_at, id);
CREATE INDEX incidentreport_device_id_withdrawn_reviewed_occurred_at_id ON public.incidents USING btree (device_id, withdrawn, reviewed, occurred_at, id);
CREATE INDEX incidentreport_fault_type_kind_withdrawn_reviewed_occurred_at_i ON public.incidents USING btree (fault_type, kind, withdrawn, reviewed, occurred_at, id);
CREATE INDEX incidentreport_fault_type_withdrawn_reviewed_occurred_at_id ON public.incidents USING btree (fault_type, withdrawn, reviewed, occurred_at, id);
CREATE INDEX incidentreport_withdrawn_reviewed_occurred_at_id ON public.incidents USING btree (withdrawn, reviewed, occurred_at, id);
CREATE INDEX reportrevision_incident_id ON public.incident_revisions USING btree (incident_id);
CREATE INDEX storedcommand_device_id_stage_at ON public.commands USING btree (device_id, stage_at);
CREATE INDEX storedcommand_proposed_at_command_id ON public.commands USING btree (proposed_at, command_id);
CREATE TRIGGER audit_keeps BEFORE DELETE OR UPDATE ON public.audit FOR EACH ROW EXECUTE FUNCTION public.audit_is_append_only();
