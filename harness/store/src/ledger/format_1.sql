-- A ledger of format 1, as the last version that wrote it left it, in SQL: a sample, one of a
-- nonce that was given, a choice by hand, another recording there, and one that cannot be read.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    name TEXT,
    spec TEXT,
    frames INTEGER,
    head TEXT,
    commitment TEXT,
    audited_at_seconds INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    drawn INTEGER NOT NULL,
    total INTEGER NOT NULL,
    nonce TEXT,
    agreed INTEGER NOT NULL,
    contradicted INTEGER NOT NULL
) STRICT;
INSERT INTO audit VALUES(1,'/runs/toy','toy-plane','5ccf6db544f67acd7000cea435973b63df49e13e0130a15ba0dd3a7ea7464f9b',70,'924ae511a4ae85643d3b24f74abdd8356e6dfce7f38e3cf7e3cee9a1f896f2c2','8cc4d37466224a726c42f904ef52a2ebe7afe454e0c2e7f88995959b9b333d43',1795689801,'match',2,6,'08b8c4530d5fbd0a4e4c36cc50c6dc61d3618784f34a41bf26e3d7447aebe840',1,0);
INSERT INTO audit VALUES(2,'/runs/toy','toy-plane','5ccf6db544f67acd7000cea435973b63df49e13e0130a15ba0dd3a7ea7464f9b',70,'924ae511a4ae85643d3b24f74abdd8356e6dfce7f38e3cf7e3cee9a1f896f2c2','8cc4d37466224a726c42f904ef52a2ebe7afe454e0c2e7f88995959b9b333d43',1795689801,'match',3,6,'2026-11-23',1,0);
INSERT INTO audit VALUES(3,'/runs/toy','toy-plane','5ccf6db544f67acd7000cea435973b63df49e13e0130a15ba0dd3a7ea7464f9b',70,'924ae511a4ae85643d3b24f74abdd8356e6dfce7f38e3cf7e3cee9a1f896f2c2','8cc4d37466224a726c42f904ef52a2ebe7afe454e0c2e7f88995959b9b333d43',1795689801,'match',2,6,NULL,0,0);
INSERT INTO audit VALUES(4,'/runs/toy','toy-plane','98d12d037bf8404d83c104f2bd622a8fcf313e55ea25086813753cb92da441b3',70,'bd4a44761f947d5a26005216bc1191d1856135c170d6cbe43cabea5f10fab116','2c05726719bac7b4a5d24a70005d69f6edf562d0e904eb6e8720b17c6054caf3',1795689802,'divergent',3,6,'756e25ac56b31b28bc9efaeae9a971d349471911c0be96e53a73a78c7d1fea70',0,1);
INSERT INTO audit VALUES(5,'/runs/toy',NULL,NULL,NULL,NULL,NULL,1795689802,'divergent',0,0,NULL,0,1);
CREATE INDEX audit_by_place ON audit (place);
CREATE INDEX audit_by_spec ON audit (spec);
PRAGMA application_id = 1919247726;
PRAGMA user_version = 1;
