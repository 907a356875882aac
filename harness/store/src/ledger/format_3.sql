-- A ledger of format 3, as the last version that wrote it left it, in SQL: a fresh sample, one
-- of a nonce that was given, an audit that began and never ended, and one that proved something.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    place TEXT NOT NULL,
    names TEXT NOT NULL,
    name TEXT,
    spec TEXT,
    frames INTEGER,
    head TEXT,
    commitment TEXT,
    audited_at_seconds INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT,
    drawn INTEGER NOT NULL,
    total INTEGER NOT NULL,
    nonce TEXT,
    nonce_source TEXT,
    rule INTEGER NOT NULL DEFAULT 1,
    sampled INTEGER NOT NULL,
    agreed INTEGER NOT NULL,
    contradicted INTEGER NOT NULL,
    accused INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_by_place ON audit (place);
CREATE INDEX audit_by_spec ON audit (spec);
CREATE TABLE divergence (
    audit TEXT NOT NULL,
    id TEXT NOT NULL,
    segment INTEGER,
    step INTEGER,
    stage TEXT,
    grade TEXT NOT NULL,
    words TEXT NOT NULL,
    closed_at_seconds INTEGER,
    closed_by TEXT,
    closed_because TEXT,
    PRIMARY KEY (audit, id)
) STRICT;
CREATE INDEX divergence_by_id ON divergence (id);
CREATE TABLE debt (
    audit TEXT NOT NULL,
    segment INTEGER NOT NULL,
    why TEXT NOT NULL,
    paid_at_seconds INTEGER,
    paid_by TEXT,
    PRIMARY KEY (audit, segment)
) STRICT;
INSERT INTO audit VALUES(1,'k1','/runs/toy','["/runs/toy"]','toy-plane','5ccf6db544f67acd7000cea435973b63df49e13e0130a15ba0dd3a7ea7464f9b',70,'924ae511a4ae85643d3b24f74abdd8356e6dfce7f38e3cf7e3cee9a1f896f2c2','8cc4d37466224a726c42f904ef52a2ebe7afe454e0c2e7f88995959b9b333d43',1795689801,'match',NULL,2,6,'08b8c4530d5fbd0a4e4c36cc50c6dc61d3618784f34a41bf26e3d7447aebe840','fresh',2,2,1,0,0);
INSERT INTO audit VALUES(2,'k2','/runs/toy','["/runs/toy"]','toy-plane','5ccf6db544f67acd7000cea435973b63df49e13e0130a15ba0dd3a7ea7464f9b',70,'924ae511a4ae85643d3b24f74abdd8356e6dfce7f38e3cf7e3cee9a1f896f2c2','8cc4d37466224a726c42f904ef52a2ebe7afe454e0c2e7f88995959b9b333d43',1795689802,'match',NULL,3,6,'2026-11-23','given',2,3,1,0,0);
INSERT INTO audit VALUES(3,'k3','/runs/toy','["/runs/toy"]','toy-plane','5ccf6db544f67acd7000cea435973b63df49e13e0130a15ba0dd3a7ea7464f9b',70,'924ae511a4ae85643d3b24f74abdd8356e6dfce7f38e3cf7e3cee9a1f896f2c2','8cc4d37466224a726c42f904ef52a2ebe7afe454e0c2e7f88995959b9b333d43',1795689803,'begun',NULL,0,6,'756e25ac56b31b28bc9efaeae9a971d349471911c0be96e53a73a78c7d1fea70','fresh',2,2,0,0,0);
INSERT INTO audit VALUES(4,'k4','/runs/toy','["/runs/toy"]','toy-plane','5ccf6db544f67acd7000cea435973b63df49e13e0130a15ba0dd3a7ea7464f9b',70,'924ae511a4ae85643d3b24f74abdd8356e6dfce7f38e3cf7e3cee9a1f896f2c2','8cc4d37466224a726c42f904ef52a2ebe7afe454e0c2e7f88995959b9b333d43',1795689804,'divergent','it differs',1,6,'92dfea9a55d8cbbd24f20d4d7c9cbc6f8b5d8a0e1cfb0d2a8db0d16c5a9b7e11','fresh',2,1,0,0,1);
INSERT INTO debt VALUES('k3',1,'the audit began and never ended',NULL,NULL);
INSERT INTO debt VALUES('k3',5,'the audit began and never ended',NULL,NULL);
INSERT INTO divergence VALUES('k4','3f81c09ab2d4',3,31,'update','bit-exact','segment 3: it differs',NULL,NULL,NULL);
PRAGMA application_id = 1919247726;
PRAGMA user_version = 3;
